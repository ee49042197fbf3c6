package match

import (
	"testing"

	"pgregory.net/rapid"
)

// TestAboutIsWhatTheOthersSay, whatever stands before and behind eight digits.
func TestAboutIsWhatTheOthersSay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := []byte(rapid.StringMatching(`([0-9]{0,20}|[ -~é]{0,9}){0,4}`).Draw(t, "text"))
		chars, letters := About(b)
		if chars != CharsOf(b) || letters != LettersOf(b) {
			t.Fatalf("%q: %v and %v, want %v and %v", b, chars, letters, CharsOf(b), LettersOf(b))
		}
	})
}
