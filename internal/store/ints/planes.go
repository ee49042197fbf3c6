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

// number is what vectors are decoded into.
type number interface{ int64 | uint32 }

// joinPlanes puts the planes together in out; all are as long as out.
func joinPlanes[T number](out []T, ps [][]byte) {
	n := len(out)
	switch len(ps) {
	case 1:
		for i, b := range ps[0][:n] {
			out[i] = T(b)
		}
		return
	case 2:
		p1 := ps[1][:n]
		for i, b := range ps[0][:n] {
			out[i] = T(b) | T(p1[i])<<8
		}
		return
	}
	p1, p2 := ps[1][:n], ps[2][:n]
	for i, b := range ps[0][:n] {
		out[i] = T(b) | T(p1[i])<<8 | T(p2[i])<<16
	}
	for k, p := range ps[3:] {
		shift := 8 * (k + 3)
		for i, b := range p[:n] {
			out[i] |= T(b) << shift
		}
	}
}
