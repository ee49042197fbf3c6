// Package facts finds out what machine this is: its system, addresses, identity and
// cloud.
//
// cmd/scribe adds what the configuration asks for to the fields of internal/tail's
// and internal/source's lines, which internal/ship sends. Nothing is asked over the
// network: a cloud's name and instance come from what the firmware and cloud-init
// left on the disk.
package facts

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path"
	"runtime"
	"slices"
	"strings"

	"journalist/internal/record"
)

// Names are the facts that may be asked for.
func Names() []string {
	return []string{"arch", "boot_id", "cloud", "ip", "kernel", "machine_id", "os"}
}

// Options say where to look; the zero value is this machine.
type Options struct {
	Root fs.FS // / by default
	// Addresses lists the machine's addresses, net.InterfaceAddrs by default.
	Addresses func() ([]net.Addr, error)
}

// Gather returns the fields of the named facts, in the order of Names; all of them
// when names is empty. A fact that cannot be found has no field. The error names a
// fact that does not exist.
func Gather(o Options, names ...string) ([]record.Pair, error) {
	if o.Root == nil {
		o.Root = os.DirFS("/")
	}
	if o.Addresses == nil {
		o.Addresses = net.InterfaceAddrs
	}
	for _, n := range names {
		if !slices.Contains(Names(), n) {
			return nil, fmt.Errorf("no fact %q: there are %s", n, strings.Join(Names(), ", "))
		}
	}
	var out []record.Pair
	add := func(name, value string) {
		if value = strings.TrimSpace(value); value != "" {
			out = append(out, record.Pair{Name: name, Value: value})
		}
	}
	for _, n := range Names() {
		if len(names) > 0 && !slices.Contains(names, n) {
			continue
		}
		switch n {
		case "arch":
			add("arch", runtime.GOARCH)
		case "boot_id":
			add("boot_id", o.read("proc/sys/kernel/random/boot_id"))
		case "cloud":
			for _, p := range o.cloud() {
				add(p.Name, p.Value)
			}
		case "ip":
			add("ip", o.address())
		case "kernel":
			add("kernel", o.read("proc/sys/kernel/osrelease"))
		case "machine_id":
			add("machine_id", o.read("etc/machine-id"))
		case "os":
			add("os", o.system())
		}
	}
	return out, nil
}

// read returns a small file's text, "" where it cannot be read.
func (o Options) read(name string) string {
	b, err := fs.ReadFile(o.Root, name)
	if err != nil || len(b) > 1<<20 {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// system is what the distribution calls itself, else the kind of kernel.
func (o Options) system() string {
	text := o.read("etc/os-release")
	if text == "" {
		text = o.read("usr/lib/os-release")
	}
	for line := range strings.Lines(text) {
		if v, ok := strings.CutPrefix(strings.TrimSpace(line), "PRETTY_NAME="); ok {
			return strings.Trim(v, `"'`)
		}
	}
	return runtime.GOOS
}

// address is the first address by which others may reach the machine: IPv4 before
// IPv6, no loopback and none of a link alone.
func (o Options) address() string {
	list, err := o.Addresses()
	if err != nil {
		return ""
	}
	second := ""
	for _, a := range list {
		n, ok := a.(*net.IPNet)
		if !ok || !n.IP.IsGlobalUnicast() {
			continue
		}
		if n.IP.To4() != nil {
			return n.IP.String()
		}
		if second == "" {
			second = n.IP.String()
		}
	}
	return second
}

// vendors are the clouds by what their machines' firmware says.
var vendors = []struct{ file, text, name string }{
	{"sys_vendor", "Amazon EC2", "aws"},
	{"bios_version", "amazon", "aws"},
	{"product_name", "Google Compute Engine", "gcp"},
	{"chassis_asset_tag", "7783-7084-3265-9085-8269-3286-77", "azure"},
	{"sys_vendor", "DigitalOcean", "digitalocean"},
	{"sys_vendor", "Hetzner", "hetzner"},
	{"chassis_asset_tag", "OracleCloud.com", "oracle"},
	{"sys_vendor", "Scaleway", "scaleway"},
	{"sys_vendor", "Vultr", "vultr"},
	{"sys_vendor", "Akamai", "linode"},
	{"sys_vendor", "Alibaba Cloud", "alibaba"},
	{"product_name", "OpenStack", "openstack"},
}

// cloud is what cloud-init wrote down, else what the firmware says.
func (o Options) cloud() []record.Pair {
	var doc struct {
		V1 struct {
			Cloud    string `json:"cloud_name"`
			Instance string `json:"instance_id"`
			Region   string `json:"region"`
			Zone     string `json:"availability_zone"`
		} `json:"v1"`
	}
	if text := o.read("run/cloud-init/instance-data.json"); text != "" {
		_ = json.Unmarshal([]byte(text), &doc) // what cannot be read is not known
	}
	c := doc.V1
	if c.Cloud == "" || c.Cloud == "none" || c.Cloud == "unknown" {
		c.Cloud = ""
		for _, v := range vendors {
			if strings.Contains(o.read(path.Join("sys/class/dmi/id", v.file)), v.text) {
				c.Cloud = v.name
				break
			}
		}
	}
	if c.Cloud == "" {
		return nil
	}
	if c.Instance == "" {
		c.Instance = o.read("var/lib/cloud/data/instance-id")
	}
	return []record.Pair{
		{Name: "cloud", Value: c.Cloud},
		{Name: "cloud_instance", Value: c.Instance},
		{Name: "cloud_region", Value: c.Region},
		{Name: "cloud_zone", Value: c.Zone},
	}
}
