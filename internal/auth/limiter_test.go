package auth

import (
	"fmt"
	"testing"
	"time"
)

func TestLimiter(t *testing.T) {
	c := newClock()
	l := NewLimiter(c.now)
	key := AddressKey("192.0.2.1:1234")
	for i := range limiterBurst {
		if w := l.Wait(key); w != 0 {
			t.Fatalf("attempt %d waits %v", i, w)
		}
		l.Failed(key)
	}
	if w := l.Wait(key); w <= 0 || w > limiterEvery {
		t.Errorf("after %d failures: %v", limiterBurst, w)
	}
	if w := l.Wait(AddressKey("192.0.2.2:1234")); w != 0 {
		t.Errorf("another address waits %v", w)
	}
	c.advance(limiterEvery)
	if w := l.Wait(key); w != 0 {
		t.Errorf("after the wait: %v", w)
	}
}

func TestLimiterIsBounded(t *testing.T) {
	for name, step := range map[string]time.Duration{"all at once": 0, "one by one": time.Millisecond} {
		c := newClock()
		l := NewLimiter(c.now)
		for i := range 3 * limiterKeys {
			l.Failed(fmt.Sprint(i))
			c.advance(step)
		}
		if len(l.keys) > limiterKeys {
			t.Errorf("%s: %d keys", name, len(l.keys))
		}
		if step > 0 && l.keys[fmt.Sprint(3*limiterKeys-1)] == nil {
			t.Errorf("%s: the latest was forgotten", name)
		}
	}
}

func TestAddressKey(t *testing.T) {
	for remote, want := range map[string]string{
		"192.0.2.1:80":              "address:192.0.2.1",
		"192.0.2.1":                 "address:192.0.2.1",
		"[::ffff:192.0.2.1]:80":     "address:192.0.2.1",
		"[2001:db8:1:2:3:4:5:6]:80": "address:2001:db8:1:2::/64",
		"[fe80::1%eth0]:80":         "address:fe80::/64",
		"@":                         "address:@",
	} {
		if got := AddressKey(remote); got != want {
			t.Errorf("%s: %s, want %s", remote, got, want)
		}
	}
}
