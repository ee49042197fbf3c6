package rules

// The ready-made masks. Each is made of what the formats' own documents say: the
// alphabets and lengths of keys, and the check digit of cards (ISO/IEC 7812).

// secretNames are the names whose values are secret, wherever they stand.
var secretNames = []string{
	"password", "passwd", "pwd", "passphrase", "secret", "client_secret", "client-secret", "clientSecret",
	"token", "access_token", "access-token", "accessToken", "refresh_token", "refresh-token", "refreshToken", "id_token",
	"auth_token", "auth-token", "authToken", "api_key", "api-key", "apikey", "access_key", "access-key", "accessKey",
	"secret_key", "secret-key", "secretKey", "secret_access_key", "aws_secret_access_key", "private_key", "private-key", "privateKey",
	"authorization", "proxy-authorization", "x-api-key", "x-auth-token", "set-cookie", "cookie", "session_id", "sessionid", "session-id",
}

const secretWords = `password|passwd|pwd|passphrase|(?:client|aws)?[_-]?secret(?:[_-]?access)?(?:[_-]?key)?` +
	`|(?:access|refresh|id|auth|csrf|x[_-]?auth)?[_-]?token|api[_-]?key|x[_-]api[_-]key|access[_-]?key|private[_-]?key|session[_-]?id`

var secrets = []Mask{
	must(`-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----(?s:.*?)(?:-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|$)`, `***PRIVATE KEY***`),
	must(`(?i)\b((?:proxy-)?authorization"?\s*[:=]\s*"?(?:(?:bearer|basic|digest|negotiate|token)\s+)?)[^\s"',;]+`, `${1}***`),
	must(`(?i)\b((?:bearer|basic)\s+)[A-Za-z0-9+/._~=-]{12,}`, `${1}***`),
	named(must(`(?i)(\b(?:`+secretWords+`)\\?["']?\s*(?:=>|[:=])\s*)(?:"(?:[^"\\]|\\.)*"|\\"[^"\\]*\\"|'[^']*'|[^\s"',;&)}\]]+)`, `${1}***`), secretNames),
	must(`\b([a-z][a-z0-9+.-]*://[^\s:/@]*):[^\s/@]+@`, `${1}:***@`),
	must(`\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]+)?`, `***`),
	must(`\b(?:AKIA|ASIA|AGPA|AIDA|AROA)[A-Z0-9]{16}\b`, `***`),
	must(`\b(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{22,}|glpat-[A-Za-z0-9_-]{20,})`, `***`),
	must(`\bxox[abeoprs]-[A-Za-z0-9-]{10,}`, `***`),
	must(`\b[rs]k_(?:live|test)_[A-Za-z0-9]{16,}`, `***`),
	must(`\bAIza[A-Za-z0-9_-]{35}`, `***`),
}

var emails = must(`[A-Za-z0-9._%+-]+@(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z]{2,}`, `***@***`)

var ips = must(`\b((?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?:25[0-5]|2[0-4]\d|1?\d?\d)){2})\.(?:25[0-5]|2[0-4]\d|1?\d?\d)\b`, `${1}.0`)

var cards = func() Mask {
	m := must(`\b\d(?:[ -]?\d){12,18}\b`, ``)
	m.replace = maskCard
	return m
}()

func must(expr, with string) Mask {
	m, err := Pattern(expr, with)
	if err != nil {
		panic("rules: " + err.Error()) // a constant
	}
	return m
}

func named(m Mask, names []string) Mask {
	m.names = names
	return m
}

// maskCard leaves the last four digits of a card number, and separators where they
// were; ok is false for what is no card number.
func maskCard(dst, found []byte) (_ []byte, ok bool) {
	sum, digits := 0, 0
	for i := len(found) - 1; i >= 0; i-- {
		c := found[i]
		if c < '0' || c > '9' {
			continue
		}
		d := int(c - '0')
		if digits%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
		digits++
	}
	if sum%10 != 0 || sum == 0 {
		return dst, false
	}
	left := digits
	for _, c := range found {
		if c >= '0' && c <= '9' {
			if left > 4 {
				c = '*'
			}
			left--
		}
		dst = append(dst, c)
	}
	return dst, true
}
