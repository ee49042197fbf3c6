package auth

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Limiter slows down whoever fails to log in: ten failures at once, then one
// every six seconds for each address (for IPv6: each /64) and each account.
// Successes cost nothing. It remembers a bounded number of keys, the ones least
// recently failed are forgotten first.
type Limiter struct {
	clock func() time.Time
	mu    sync.Mutex
	keys  map[string]*failures
}

type failures struct {
	bucket *rate.Limiter
	last   time.Time
}

const (
	limiterBurst = 10
	limiterEvery = 6 * time.Second
	limiterKeys  = 10000
)

// NewLimiter makes a limiter; a nil clock means time.Now.
func NewLimiter(clock func() time.Time) *Limiter {
	if clock == nil {
		clock = time.Now
	}
	return &Limiter{clock: clock, keys: map[string]*failures{}}
}

// AddressKey is the key of a client's address ("192.0.2.1:1234" or without port).
func AddressKey(remote string) string {
	var ip netip.Addr
	if ap, err := netip.ParseAddrPort(remote); err == nil {
		ip = ap.Addr()
	} else if ip, err = netip.ParseAddr(remote); err != nil {
		return "address:" + remote // a unix socket: one key for all
	}
	ip = ip.Unmap().WithZone("")
	if ip.Is6() {
		if p, err := ip.Prefix(64); err == nil {
			return "address:" + p.String()
		}
	}
	return "address:" + ip.String()
}

// Wait says how long to wait before the next attempt under any of these keys; 0
// means it may be made now.
func (l *Limiter) Wait(keys ...string) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.clock()
	var wait time.Duration
	for _, k := range keys {
		f := l.keys[k]
		if f == nil {
			continue
		}
		if tokens := f.bucket.TokensAt(now); tokens < 1 {
			wait = max(wait, time.Duration((1-tokens)*float64(limiterEvery)))
		}
	}
	return wait
}

// Failed notes a failed attempt under these keys.
func (l *Limiter) Failed(keys ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.clock()
	for _, k := range keys {
		f := l.keys[k]
		if f == nil {
			if len(l.keys) >= limiterKeys {
				l.forgetLocked()
			}
			f = &failures{bucket: rate.NewLimiter(rate.Every(limiterEvery), limiterBurst)}
			l.keys[k] = f
		}
		f.last = now
		f.bucket.AllowN(now, 1)
	}
}

// forgetLocked drops the half that failed longest ago, so that the cost of
// looking at all of them is spread over many failures.
func (l *Limiter) forgetLocked() {
	var sum float64
	for _, f := range l.keys {
		sum += float64(f.last.UnixNano()) / float64(len(l.keys))
	}
	mean := int64(sum)
	for k, f := range l.keys {
		if f.last.UnixNano() <= mean {
			delete(l.keys, k)
		}
	}
	if len(l.keys) >= limiterKeys { // all at one instant
		clear(l.keys)
	}
}
