package match

// Chars is a set of classes of bytes. A store notes which classes occur in some
// texts, so that a search can tell that it need not look at them.
type Chars uint16

// The classes. Every byte belongs to exactly one. They are stored: the bits stay.
const (
	CharDigit      Chars = 1 << iota // 0-9
	CharHexLower                     // a-f
	CharLower                        // g-z
	CharHexUpper                     // A-F
	CharUpper                        // G-Z
	CharDot                          // .
	CharDash                         // -
	CharUnderscore                   // _
	CharColon                        // :
	CharSlash                        // /
	CharSpace                        // space and tab
	CharQuote                        // " and '
	CharPunct                        // other printing ASCII
	CharControl                      // other ASCII
	CharHigh                         // 0x80 and above
)

// CharOf is the class of each byte.
var CharOf = func() (t [256]Chars) {
	for c := range 256 {
		switch b := byte(c); {
		case '0' <= b && b <= '9':
			t[c] = CharDigit
		case 'a' <= b && b <= 'f':
			t[c] = CharHexLower
		case 'g' <= b && b <= 'z':
			t[c] = CharLower
		case 'A' <= b && b <= 'F':
			t[c] = CharHexUpper
		case 'G' <= b && b <= 'Z':
			t[c] = CharUpper
		case b == '.':
			t[c] = CharDot
		case b == '-':
			t[c] = CharDash
		case b == '_':
			t[c] = CharUnderscore
		case b == ':':
			t[c] = CharColon
		case b == '/':
			t[c] = CharSlash
		case b == ' ' || b == '\t':
			t[c] = CharSpace
		case b == '"' || b == '\'':
			t[c] = CharQuote
		case b >= 0x80:
			t[c] = CharHigh
		case b < 0x20 || b == 0x7f:
			t[c] = CharControl
		default:
			t[c] = CharPunct
		}
	}
	return t
}()

// CharsOf returns the classes that occur in b.
func CharsOf(b []byte) Chars {
	var m Chars
	for _, c := range b {
		m |= CharOf[c]
	}
	return m
}
