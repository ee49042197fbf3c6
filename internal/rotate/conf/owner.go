package conf

import (
	"fmt"
	"os/user"
	"strconv"
	"strings"
)

// parseCreate reads "[MODE] [USER [GROUP]]".
func parseCreate(args string, mode bool) (Create, error) {
	c := Create{Mode: -1, Owner: Owner{-1, -1}}
	w := strings.Fields(args)
	if mode && len(w) > 0 && w[0] != "" && w[0][0] >= '0' && w[0][0] <= '7' {
		m, err := strconv.ParseUint(w[0], 8, 16)
		if err != nil {
			return c, fmt.Errorf("bad mode %q: write it in octal, as 0640", w[0])
		}
		c.Mode, w = int(m&0o7777), w[1:]
	}
	if len(w) > 2 {
		return c, fmt.Errorf("extra argument %q", w[2])
	}
	if len(w) > 0 {
		id, err := userID(w[0])
		if err != nil {
			return c, err
		}
		c.UID = id
	}
	if len(w) > 1 {
		id, err := groupID(w[1])
		if err != nil {
			return c, err
		}
		c.GID = id
	}
	return c, nil
}

func userID(name string) (int, error) {
	u, err := user.Lookup(name)
	if err != nil {
		u, err = user.LookupId(name)
	}
	if err != nil {
		return -1, fmt.Errorf("unknown user %q", name)
	}
	return strconv.Atoi(u.Uid)
}

func groupID(name string) (int, error) {
	g, err := user.LookupGroup(name)
	if err != nil {
		g, err = user.LookupGroupId(name)
	}
	if err != nil {
		return -1, fmt.Errorf("unknown group %q", name)
	}
	return strconv.Atoi(g.Gid)
}
