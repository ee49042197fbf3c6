package template

// stamp returns the length of the timestamp that text begins with, or 0. It looks
// for the shape only: whether the day exists is not its business. Behind it may
// follow more of the same token.
func stamp(b []byte) int {
	switch {
	case len(b) < 8:
		return 0
	case b[2] == ':':
		if !clock(b) {
			return 0
		}
		n := fraction(b, 8)
		if n < len(b) && b[n] == ':' {
			return 0
		}
		return n
	case len(b) < 19:
		return 0
	case b[4] == '-' || b[4] == '/':
		if b[7] != b[4] || b[10] != ' ' && b[10] != 'T' ||
			!digits4(b) || !digits2(b[5:]) || !digits2(b[8:]) || !clock(b[11:]) {
			return 0
		}
		return fraction(b, 19)
	case len(b) < 20 || b[2] != '/' || b[6] != '/' || b[11] != ':':
		return 0
	case digits2(b) && month(b[3:]) && digits4(b[7:]) && clock(b[12:]):
		return 20
	}
	return 0
}

// syslogStamp is stamp for "Mon _d hh:mm:ss", with its fraction.
func syslogStamp(b []byte) int {
	if len(b) < 15 || b[3] != ' ' || b[6] != ' ' || b[9] != ':' {
		return 0
	}
	if !digit(b[5]) || b[4] != ' ' && !digit(b[4]) || !month(b) || !clock(b[7:]) {
		return 0
	}
	return fraction(b, 15)
}

func digit(c byte) bool     { return c-'0' <= 9 }
func digits2(b []byte) bool { return digit(b[0]) && digit(b[1]) }
func digits4(b []byte) bool { return digits2(b) && digits2(b[2:]) }

// clock tells whether b, of at least eight bytes, begins with hh:mm:ss.
func clock(b []byte) bool {
	return b[2] == ':' && b[5] == ':' && digits2(b) && digits2(b[3:]) && digits2(b[6:])
}

// fraction returns where the fraction of a second that may stand at b[i:] ends.
func fraction(b []byte, i int) int {
	if i+1 >= len(b) || b[i] != '.' && b[i] != ',' {
		return i
	}
	j := i + 1
	for j < len(b) && digit(b[j]) {
		j++
	}
	if j == i+1 {
		return i
	}
	return j
}

// month tells whether b, of at least three bytes, begins with a month's name.
func month(b []byte) bool {
	switch string(b[:3]) {
	case "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec":
		return true
	}
	return false
}
