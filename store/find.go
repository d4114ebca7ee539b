package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A Place is a file that was found. The first Base bytes of its path were given, what follows was found: by a
// folder, or from the first wildcard of a pattern on.
type Place struct {
	Info
	Base int
}

// Find lists the files that paths stand for, each in the order of their names. A path is a file, a folder, which stands
// for all files below it, or a pattern (see path.Match) of files and folders; its element ** stands for any number of
// folders, none too, and at the end for all files below. A file that has wildcards in its name is itself. In URLs ? begins
// the query and is no wildcard.
//
// Files and folders whose names begin with "." or "_" are passed by, and no wildcard at the beginning of an element stands
// for these. Other files count whatever their endings are: a pattern says which are meant.
func Find(ctx context.Context, paths []string) (out []Place, err error) {
	if len(paths) == 0 {
		return nil, errors.New("no files: give a path, a folder or a pattern")
	}
	for _, p := range paths {
		var some []Place
		if IsRemote(p) {
			some, err = findRemote(ctx, p)
		} else {
			some, err = findLocal(ctx, p)
		}
		if err != nil {
			return nil, err
		}
		out = append(out, some...)
	}
	return out, nil
}

// noMatch says that there is no file of a pattern.
type noMatch string

func (e noMatch) Error() string { return fmt.Sprintf("no file matches %q", string(e)) }

// Is makes it an fs.ErrNotExist.
func (noMatch) Is(target error) bool { return target == fs.ErrNotExist }

// noFiles says that a folder has no file that counts.
type noFiles string

func (e noFiles) Error() string { return string(e) + " is a folder without files" }

// Is makes it an fs.ErrNotExist.
func (noFiles) Is(target error) bool { return target == fs.ErrNotExist }

func findLocal(ctx context.Context, p string) (out []Place, err error) {
	x, err := Stat(ctx, p)
	dir := folderError{}
	switch {
	case err == nil:
		return []Place{{x, len(p)}}, nil
	case errors.As(err, &dir):
		return walk(folder(p), len(folder(p)), everything)
	case !errors.Is(err, fs.ErrNotExist) || !strings.ContainsAny(p, wildcards):
		return nil, err
	}
	p = filepath.Clean(p) // as what is found is
	g, err := newGlob(p)
	if err != nil {
		return nil, err
	}
	if at := base(p); slices.Contains(g.elems, deep) {
		out, err = walk(p[:at], at, g)
	} else {
		out, err = g.list(ctx, p)
	}
	if err == nil && len(out) == 0 {
		err = noMatch(p)
	}
	return out, err
}

// folder is the path of a folder as it begins those of its files.
func folder(p string) string {
	if p = filepath.Clean(p); p == "." {
		return ""
	}
	return strings.TrimSuffix(p, separator(p)) + separator(p)
}

// list finds what matches a pattern without **, in links to folders too.
func (g *glob) list(ctx context.Context, p string) (out []Place, err error) {
	found, err := filepath.Glob(p)
	if err != nil {
		return nil, fmt.Errorf("pattern %s: %w", p, err)
	}
	at := base(p)
	for _, m := range found {
		if !g.match(m[at:]) {
			continue
		}
		x, err := Stat(ctx, m)
		if dir := (folderError{}); errors.As(err, &dir) {
			some, err := walk(folder(m), at, everything)
			if err != nil {
				return nil, err
			}
			out = append(out, some...)
			continue
		}
		if err != nil {
			return nil, err
		}
		out = append(out, Place{x, at})
	}
	return out, nil
}

// walk lists the files below a folder whose paths from there on match; at is the base of their places. Links to
// folders are not followed, they might lead round in a ring.
func walk(root string, at int, g *glob) (out []Place, err error) {
	top := cmp.Or(root, ".")
	err = filepath.WalkDir(top, func(p string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // of no folder, or of one that is just being removed, no file matches
		}
		if err != nil {
			return err
		}
		rest := strings.TrimPrefix(p, root)
		switch {
		case p != top && d.IsDir() && !g.enters(rest):
			return fs.SkipDir
		case d.IsDir() || !g.match(rest):
			return nil
		}
		st, err := os.Stat(p)
		if err != nil {
			return err
		}
		x, err := local(p, st)
		if dir := (folderError{}); errors.As(err, &dir) {
			return nil
		}
		out = append(out, Place{x, at})
		return err
	})
	if err == nil && len(out) == 0 && g == everything {
		err = noFiles(top)
	}
	return out, err
}

// findRemote is findLocal for URLs, whose folders are what the paths of files have in common.
func findRemote(ctx context.Context, url string) (out []Place, err error) {
	d, err := driver(url)
	if err != nil {
		return nil, err
	}
	p, query, _ := strings.Cut(url, "?")
	if query != "" {
		query = "?" + query
	}
	host := strings.Index(p, "://") + len("://") // which may be an address in brackets
	wild := host + max(0, strings.IndexByte(p[host:], '/'))
	if i := strings.IndexAny(p[wild:], "*["); i >= 0 {
		wild += i
	} else {
		x, err := Stat(ctx, url)
		if err == nil {
			return []Place{{x, len(p)}}, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		some, bad := list(ctx, d, strings.TrimSuffix(p, "/")+"/"+query)
		if bad != nil || len(some) == 0 {
			return nil, err
		}
		for _, x := range some {
			rest, _, _ := strings.Cut(x.Path, "?")
			if rest = strings.TrimPrefix(rest, p); slices.ContainsFunc(strings.Split(rest, "/"), veiled) || strings.HasSuffix(rest, "/") {
				continue
			}
			out = append(out, Place{x, len(p)})
		}
		if len(out) == 0 {
			return nil, noFiles(p)
		}
		return out, nil
	}
	g, err := newGlob(p)
	if err != nil {
		return nil, err
	}
	some, err := list(ctx, d, p[:wild]+query)
	if err != nil {
		return nil, err
	}
	at := base(p)
	for _, x := range some {
		if name, _, _ := strings.Cut(x.Path, "?"); !strings.HasSuffix(name, "/") && g.match(name[at:]) {
			out = append(out, Place{x, at})
		}
	}
	if len(out) == 0 {
		return nil, noMatch(p)
	}
	return out, nil
}

func list(ctx context.Context, d Driver, prefix string) (out []Info, err error) {
	err = tries(ctx, func() (err error) { out, err = d.List(ctx, prefix); return err })
	return out, Named(prefix, err)
}
