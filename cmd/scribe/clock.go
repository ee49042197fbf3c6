package main

import (
	"time"

	"journalist/internal/rotate"
)

// dayLasts is set by the linker for tests (-X main.dayLasts=3s): a day of rotations
// then lasts so long, since dateext names one rotation a day.
var dayLasts string

// hasten gives rotations a clock that goes as fast as dayLasts says.
func hasten(o rotate.Options) rotate.Options {
	day, err := time.ParseDuration(dayLasts)
	if err != nil || day <= 0 {
		return o
	}
	start, times := time.Now(), float64(24*time.Hour)/float64(day)
	o.Clock = func() time.Time { return start.Add(time.Duration(float64(time.Since(start)) * times)) }
	o.Interval = 100 * time.Millisecond
	o.GateAge = 1 << 62 // files have the times of the machine's clock
	return o
}
