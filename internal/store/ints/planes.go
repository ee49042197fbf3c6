package ints

// appendPlane appends byte p of all numbers. Planes keep what changes slowly apart
// from what changes fast, so that the compression finds it.
func appendPlane(dst []byte, us []uint64, p int) []byte {
	at := len(dst)
	if cap(dst)-at < len(us) {
		dst = append(make([]byte, 0, at+len(us)+len(us)/4), dst...)
	}
	dst = dst[:at+len(us)]
	plane, shift := dst[at:], 8*p
	for i, u := range us {
		plane[i] = byte(u >> shift)
	}
	return dst
}
