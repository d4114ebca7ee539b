package archtest

import (
	"errors"
	"fmt"
	"go/ast"
	"io/fs"
	"path"
	"strings"
)

const (
	excusedFile  = "docs/excused.txt"
	maxFileLines = 700
	maxFuncLines = 120
)

// checkSizes: files and functions stay short. Tests, generated files and what docs/excused.txt lists may be longer;
// an excuse that is no longer needed is a finding too.
func checkSizes(h *House) []Finding {
	excused, out := readExcused(h)
	report := func(key, where, what string) {
		if _, ok := excused[key]; ok {
			delete(excused, key)
			return
		}
		out = append(out, Finding{where, what})
	}
	for _, p := range h.Packages {
		for _, f := range p.code() {
			if f.isGenerated() {
				continue
			}
			if f.Lines > maxFileLines {
				report("file "+f.Path, f.Path, fmt.Sprintf("%d lines, the limit is %d", f.Lines, maxFileLines))
			}
			for _, d := range f.AST.Decls {
				fn, ok := d.(*ast.FuncDecl)
				if !ok {
					continue
				}
				if n := h.fset.Position(fn.End()).Line - h.fset.Position(fn.Pos()).Line + 1; n > maxFuncLines {
					name := funcName(fn)
					report("func "+f.Path+" "+name, h.pos(fn.Pos()), fmt.Sprintf("%s has %d lines, the limit is %d", name, n, maxFuncLines))
				}
			}
		}
	}
	for key, where := range excused {
		out = append(out, Finding{where, key + " needs no excuse"})
	}
	return out
}

// isGenerated knows generated files by their banner and by the names that generators here and of protobuf give.
func (f *File) isGenerated() bool {
	return f.Generated || strings.HasPrefix(path.Base(f.Path), "zz_") || strings.HasSuffix(f.Path, ".pb.go")
}

// readExcused returns the excuses ("file path" or "func path name") with their places. The list may be missing.
func readExcused(h *House) (map[string]string, []Finding) {
	excused := map[string]string{}
	lines, err := h.list(excusedFile)
	if errors.Is(err, fs.ErrNotExist) {
		return excused, nil
	}
	if err != nil {
		return excused, []Finding{{excusedFile, err.Error()}}
	}
	var out []Finding
	for _, l := range lines {
		w := l.words
		switch {
		case l.reason == "":
			out = append(out, Finding{l.where, "an excuse needs a reason after --"})
		case w[0] == "file" && len(w) == 2, w[0] == "func" && len(w) == 3:
			excused[strings.Join(w, " ")] = l.where
		default:
			out = append(out, Finding{l.where, "an excuse reads: file path -- reason, or: func path name -- reason"})
		}
	}
	return excused, out
}

// funcName is Name or Receiver.Name.
func funcName(fn *ast.FuncDecl) string {
	if fn.Recv == nil || len(fn.Recv.List) == 0 {
		return fn.Name.Name
	}
	return receiver(fn.Recv.List[0].Type) + "." + fn.Name.Name
}

// receiver strips the pointer and the type parameters of a receiver.
func receiver(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return receiver(e.X)
	case *ast.IndexExpr:
		return receiver(e.X)
	case *ast.IndexListExpr:
		return receiver(e.X)
	case *ast.ParenExpr:
		return receiver(e.X)
	case *ast.Ident:
		return e.Name
	}
	return "?"
}

// checkComments: every package says what it is for, and every exported name of a package that users can import says
// what it is. Methods that only satisfy an interface of the standard library need no words.
func checkComments(h *House) []Finding {
	var out []Finding
	for _, p := range h.Packages {
		out = append(out, packageComment(p)...)
		if p.Name == "main" || inside(p.Path, "internal") {
			continue
		}
		for _, f := range p.code() {
			if f.isGenerated() {
				continue
			}
			for _, d := range f.AST.Decls {
				for _, name := range undocumented(d) {
					out = append(out, Finding{h.pos(name.Pos()), "exported " + name.Name + " has no doc comment"})
				}
			}
		}
	}
	return out
}

func packageComment(p *Package) []Finding {
	files := p.code()
	if len(files) == 0 {
		files = p.Files
	}
	for _, f := range files {
		// A command is described by what it does, any other package by its name.
		if doc := f.AST.Doc.Text(); doc != "" && (f.AST.Name.Name == "main" || strings.HasPrefix(doc, "Package "+f.AST.Name.Name+" ")) {
			return nil
		}
	}
	if p.Name == "main" {
		return []Finding{{p.Path, "no package comment that says what the command does"}}
	}
	return []Finding{{p.Path, "no package comment that starts with \"Package " + files[0].AST.Name.Name + " …\""}}
}

// inside reports whether a folder has an element of that name.
func inside(folder, elem string) bool {
	return strings.Contains("/"+folder+"/", "/"+elem+"/")
}

// obvious are methods that the interfaces of the standard library explain.
var obvious = map[string]bool{
	"Error": true, "Unwrap": true, "Is": true, "As": true, "String": true, "GoString": true, "Format": true,
	"Len": true, "Less": true, "Swap": true, "Push": true, "Pop": true,
	"Read": true, "Write": true, "Close": true, "ReadAt": true, "WriteTo": true, "ReadFrom": true, "Seek": true,
	"MarshalText": true, "UnmarshalText": true, "MarshalJSON": true, "UnmarshalJSON": true,
}

// undocumented returns the exported names of a declaration without a comment of their own or of their group.
func undocumented(d ast.Decl) []*ast.Ident {
	var out []*ast.Ident
	check := func(name *ast.Ident, docs ...*ast.CommentGroup) {
		for _, c := range docs {
			if c.Text() != "" {
				return
			}
		}
		if name.IsExported() {
			out = append(out, name)
		}
	}
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Recv == nil || (ast.IsExported(receiver(d.Recv.List[0].Type)) && !obvious[d.Name.Name]) {
			check(d.Name, d.Doc)
		}
	case *ast.GenDecl:
		for _, s := range d.Specs {
			switch s := s.(type) {
			case *ast.TypeSpec:
				// A group of types does not explain each of them; a lone type has its comment on the declaration.
				if d.Lparen.IsValid() {
					check(s.Name, s.Doc, s.Comment)
				} else {
					check(s.Name, d.Doc, s.Doc)
				}
			case *ast.ValueSpec:
				for _, name := range s.Names {
					check(name, d.Doc, s.Doc, s.Comment)
				}
			}
		}
	}
	return out
}
