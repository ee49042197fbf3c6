package container

import "strings"

// identity is a container as a path names it: by its id, or by its pod.
type identity struct {
	container      string // id, 64 hexadecimal digits
	namespace, pod string
	uid, name      string // of the pod; of the container in it
}

// parsePath reads the paths that Docker and the kubelet give log files:
//
//	…/containers/ID/ID-json.log (and what rotation appends)
//	…/pods/NAMESPACE_POD_UID/CONTAINER/0.log (and what rotation appends)
//	…/containers/POD_NAMESPACE_CONTAINER-ID.log
func parsePath(path string) (id identity, ok bool) {
	path = strings.ReplaceAll(path, `\`, "/")
	dir, file := cutLast(path)
	parent, folder := cutLast(dir)
	_, grand := cutLast(parent)
	switch {
	case grand == "containers" && isID(folder) && strings.HasPrefix(file, folder+"-json.log"):
		return identity{container: folder}, true
	case folder == "containers":
		return parseLink(file)
	}
	_, above := cutLast(strings.TrimSuffix(parent, "/"+grand))
	if above != "pods" {
		return id, false
	}
	parts := strings.Split(grand, "_")
	if len(parts) != 3 || parts[0] == "" || parts[1] == "" || folder == "" || !isNumbered(file) {
		return id, false
	}
	return identity{namespace: parts[0], pod: parts[1], uid: parts[2], name: folder}, true
}

// parseLink reads POD_NAMESPACE_CONTAINER-ID.log.
func parseLink(file string) (id identity, ok bool) {
	name, ok := strings.CutSuffix(file, ".log")
	parts := strings.Split(name, "_")
	if !ok || len(parts) != 3 || parts[0] == "" || parts[1] == "" {
		return id, false
	}
	i := strings.LastIndexByte(parts[2], '-')
	if i < 1 || !isID(parts[2][i+1:]) {
		return id, false
	}
	return identity{container: parts[2][i+1:], namespace: parts[1], pod: parts[0], name: parts[2][:i]}, true
}

// cutLast splits a path before its last element.
func cutLast(path string) (dir, last string) {
	i := strings.LastIndexByte(path, '/')
	if i < 0 {
		return "", path
	}
	return path[:i], path[i+1:]
}

func isID(s string) bool {
	if len(s) != 64 {
		return false
	}
	for i := range len(s) {
		if c := s[i]; c-'0' > 9 && c-'a' > 5 {
			return false
		}
	}
	return true
}

// isNumbered tells whether a file is called as the kubelet calls logs: 0.log,
// 12.log.20260131-120000, 12.log.20260131-120000.gz.
func isNumbered(file string) bool {
	n := 0
	for n < len(file) && file[n]-'0' <= 9 {
		n++
	}
	return n > 0 && (file[n:] == ".log" || strings.HasPrefix(file[n:], ".log."))
}
