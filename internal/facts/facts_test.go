package facts

import (
	"net"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"journalist/internal/record"
)

func file(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }

func TestGather(t *testing.T) {
	o := Options{
		Root: fstest.MapFS{
			"etc/os-release":                       file("NAME=x\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n"),
			"etc/machine-id":                       file("abc\n"),
			"proc/sys/kernel/osrelease":            file("6.1.0\n"),
			"sys/class/dmi/id/sys_vendor":          file("Amazon EC2\n"),
			"var/lib/cloud/data/instance-id":       file("i-123\n"),
			"run/cloud-init/instance-data.json":    file(`{"v1":{"cloud_name":"none","region":"eu"}}`),
			"proc/sys/kernel/random/boot_id/extra": file(""),
		},
		Addresses: func() ([]net.Addr, error) {
			var list []net.Addr
			for _, s := range []string{"127.0.0.1/8", "fe80::1/64", "2001:db8::1/64", "192.0.2.7/24"} {
				ip, n, err := net.ParseCIDR(s)
				if err != nil {
					return nil, err
				}
				list = append(list, &net.IPNet{IP: ip, Mask: n.Mask})
			}
			return list, nil
		},
	}
	got, err := Gather(o)
	if err != nil {
		t.Fatal(err)
	}
	want := []record.Pair{
		{Name: "arch", Value: runtime.GOARCH},
		{Name: "cloud", Value: "aws"},
		{Name: "cloud_instance", Value: "i-123"},
		{Name: "cloud_region", Value: "eu"},
		{Name: "ip", Value: "192.0.2.7"},
		{Name: "kernel", Value: "6.1.0"},
		{Name: "machine_id", Value: "abc"},
		{Name: "os", Value: "Debian GNU/Linux 12 (bookworm)"},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	some, err := Gather(o, "os", "kernel")
	if err != nil || len(some) != 2 {
		t.Errorf("two facts: %v, %v", some, err)
	}
	if _, err := Gather(o, "oss"); err == nil || !strings.Contains(err.Error(), "machine_id") {
		t.Errorf("unknown fact: %v", err)
	}
}

// A machine that tells nothing of itself has few facts and no error.
func TestGatherNothing(t *testing.T) {
	got, err := Gather(Options{Root: fstest.MapFS{}, Addresses: func() ([]net.Addr, error) { return nil, nil }})
	if err != nil || len(got) != 2 {
		t.Errorf("%v, %v; want arch and os", got, err)
	}
}
