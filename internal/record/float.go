package record

import "strconv"

// maxFloatText is the longest text that is taken for a number.
const maxFloatText = 64

// pow10 are the powers of ten that a float64 holds exactly.
var pow10 = [...]float64{
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
}

// parseFloat reads a number as strconv does, with a short way for decimal
// fractions of up to 15 digits that count: such an integer and the power of ten to
// divide it by are exact, so that their quotient is rounded once, as it should be.
func parseFloat(text []byte) (float64, bool) {
	if len(text) == 0 || len(text) > maxFloatText {
		return 0, false
	}
	c := text[0]
	if c != '-' && c != '.' && c != '+' && (c < '0' || c > '9') {
		return 0, false
	}
	digits := text
	if c == '-' || c == '+' {
		digits = text[1:]
	}
	var n uint64
	point := -1
	simple := len(digits) <= len(pow10)
	for i := 0; simple && i < len(digits); i++ {
		switch d := digits[i] - '0'; {
		case d <= 9 && n < 1e14:
			n = n*10 + uint64(d)
		case digits[i] == '.' && point < 0:
			point = i
		default:
			simple = false // an exponent, too many digits, or no number
		}
	}
	count := len(digits)
	if point >= 0 {
		count--
	}
	if !simple || count == 0 {
		f, err := strconv.ParseFloat(string(text), 64)
		return f, err == nil
	}
	f := float64(n)
	if point >= 0 {
		f /= pow10[count-point]
	}
	if c == '-' {
		f = -f
	}
	return f, true
}
