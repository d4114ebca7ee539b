package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
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

// Find lists the files that paths stand for, each in the order of their names. A path is a file, a pattern (see
// path.Match), or, with folders, a folder: all files below it. A file that has wildcards in its name is itself. In
// URLs ? begins the query and is no wildcard.
//
// With folders, files and folders whose names begin with "." or "_" are passed by, and no wildcard at the beginning
// of a name stands for these. Without, a folder is an error that suggests a pattern that ends like ending, "*.csv" for instance.
func Find(ctx context.Context, paths []string, folders bool, ending string) (out []Place, err error) {
	if len(paths) == 0 {
		if folders {
			return nil, errors.New("no files: give a path, a folder or a pattern")
		}
		return nil, errors.New("no files: give a path or a pattern")
	}
	for _, p := range paths {
		var some []Place
		if IsRemote(p) {
			some, err = findRemote(ctx, p, folders, ending)
		} else {
			some, err = findLocal(ctx, p, folders, ending)
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

func findLocal(ctx context.Context, p string, folders bool, ending string) (out []Place, err error) {
	x, err := Stat(ctx, p)
	dir := folderError{}
	switch {
	case err == nil:
		return []Place{{x, len(p)}}, nil
	case errors.As(err, &dir) && folders:
		return walk(p)
	case errors.As(err, &dir):
		return nil, fmt.Errorf("%w: name its files with a pattern like %s", err, filepath.Join(p, ending))
	case !errors.Is(err, fs.ErrNotExist) || !strings.ContainsAny(p, "*?["):
		return nil, err
	}
	match, bad := filepath.Glob(p)
	if bad != nil {
		return nil, fmt.Errorf("pattern %s: %w", p, bad)
	}
	if folders {
		match = slices.DeleteFunc(match, func(m string) bool { return hidden(p, m) })
	}
	if len(match) == 0 {
		return nil, noMatch(p)
	}
	for _, m := range match {
		x, err := Stat(ctx, m)
		if errors.As(err, &dir) && folders {
			some, err := walk(m)
			if err != nil {
				return nil, err
			}
			out = append(out, some...)
			continue
		}
		if err != nil {
			return nil, err
		}
		out = append(out, Place{x, base(p)})
	}
	return out, nil
}

// base is the number of bytes of a pattern before the element with its first wildcard.
func base(p string) int {
	return strings.LastIndex(p[:strings.IndexAny(p, "*?[")], separator(p)) + 1
}

// hidden reports whether a wildcard at the start of a path's element stands for "." or "_".
func hidden(pattern, p string) bool {
	ps, xs := strings.Split(pattern, separator(p)), strings.Split(p, separator(p))
	for i, x := range xs {
		if i < len(ps) && strings.IndexAny(ps[i], "*?[") == 0 && veiled(x) {
			return true
		}
	}
	return false
}

// veiled reports whether folders pass a name by.
func veiled(name string) bool { return strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") }

// walk lists the files below a folder.
func walk(dir string) (out []Place, err error) {
	err = filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if p != dir && veiled(d.Name()) {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if d.IsDir() {
			return nil
		}
		st, err := os.Stat(p)
		if err != nil {
			return err
		}
		x, err := local(p, st)
		out = append(out, Place{x, len(dir)})
		return err
	})
	if err == nil && len(out) == 0 {
		err = fmt.Errorf("%s is a folder without files", dir)
	}
	return out, err
}

// findRemote is findLocal for URLs, whose folders are what the paths of files have in common.
func findRemote(ctx context.Context, url string, folders bool, ending string) (out []Place, err error) {
	d, err := driver(url)
	if err != nil {
		return nil, err
	}
	p, query, _ := strings.Cut(url, "?")
	if query != "" {
		query = "?" + query
	}
	wild := strings.IndexAny(p, "*[")
	if wild < 0 {
		x, err := Stat(ctx, url)
		if err == nil {
			return []Place{{x, len(p)}}, nil
		}
		if !errors.Is(err, fs.ErrNotExist) || Scheme(url) == "http" || Scheme(url) == "https" {
			return nil, err
		}
		some, bad := list(ctx, d, strings.TrimSuffix(p, "/")+"/"+query)
		switch {
		case bad != nil || len(some) == 0:
			return nil, err
		case !folders:
			return nil, fmt.Errorf("%s is a folder: name its files with a pattern like %s/%s", p, strings.TrimSuffix(p, "/"), ending)
		}
		for _, x := range some {
			rest, _, _ := strings.Cut(x.Path, "?")
			if rest = strings.TrimPrefix(rest, p); slices.ContainsFunc(strings.Split(rest, "/"), veiled) || strings.HasSuffix(rest, "/") {
				continue
			}
			out = append(out, Place{x, len(p)})
		}
		if len(out) == 0 {
			return nil, fmt.Errorf("%s is a folder without files", p)
		}
		return out, nil
	}
	if _, err := path.Match(p, ""); err != nil {
		return nil, fmt.Errorf("pattern %s: %w", p, err)
	}
	some, err := list(ctx, d, p[:wild]+query)
	if err != nil {
		return nil, err
	}
	for _, x := range some {
		name, _, _ := strings.Cut(x.Path, "?")
		if ok, _ := path.Match(p, name); ok && !(folders && hidden(p, name)) {
			out = append(out, Place{x, base(p)})
		}
	}
	if len(out) == 0 {
		return nil, noMatch(p)
	}
	return out, nil
}

func list(ctx context.Context, d Driver, prefix string) (out []Info, err error) {
	err = tries(ctx, func() (err error) { out, err = d.List(ctx, prefix); return err })
	return out, named(prefix, err)
}
