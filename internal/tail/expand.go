package tail

// Expand returns the paths that a pattern stands for now and what kept it from
// looking everywhere, as scribe check shows them.
func Expand(fsys FS, pattern string) (paths []string, errs []error) {
	if err := checkPattern(pattern); err != nil {
		return nil, []error{err}
	}
	g := globber{fs: fsys, dirs: map[string]struct{}{}}
	g.expand(pattern)
	return g.paths, g.errs
}
