package canon

import (
	"fmt"
	"reflect"
	"sort"
	"strings"
	"sync"
)

// member is one struct type of a sum type.
type member struct {
	name string
	t    reflect.Type // the dynamic type: a struct or a pointer to one
}

// body is the struct that is written.
func (m member) body() reflect.Type {
	if m.t.Kind() == reflect.Pointer {
		return m.t.Elem()
	}
	return m.t
}

// sum holds the members of one interface type. Both maps are one-to-one, which the second law needs.
type sum struct {
	byName map[string]member
	byType map[reflect.Type]member
}

var (
	sumMu sync.RWMutex
	sums  = map[reflect.Type]*sum{}
)

// Register makes T, a struct or a pointer to a struct, a member of the sum type iface under a name that is unique in it:
//
//	func init() { canon.Register[Add](reflect.TypeFor[Node](), "add") }
//
// The name travels, the Go type name does not. Register is for init functions; it panics when the program is wrong:
// iface is not an interface, T does not implement it or cannot be encoded, the name or T is taken.
func Register[T any](iface reflect.Type, name string) {
	if err := register(iface, reflect.TypeFor[T](), name); err != nil {
		panic(err)
	}
}

func register(iface, t reflect.Type, name string) error {
	m := member{name, t}
	switch {
	case iface == nil || iface.Kind() != reflect.Interface:
		return fmt.Errorf("canon: Register(%s, %q): not an interface", iface, name)
	case name == "":
		return fmt.Errorf("canon: Register[%s]: empty name", t)
	case m.body().Kind() != reflect.Struct:
		return fmt.Errorf("canon: Register[%s]: neither a struct nor a pointer to a struct", t)
	case !t.Implements(iface):
		return fmt.Errorf("canon: Register[%s]: does not implement %s", t, iface)
	}
	if err := Check(m.body()); err != nil {
		return err
	}
	sumMu.Lock()
	defer sumMu.Unlock()
	s := sums[iface]
	if s == nil {
		s = &sum{map[string]member{}, map[reflect.Type]member{}}
		sums[iface] = s
	}
	if old, ok := s.byName[name]; ok {
		return fmt.Errorf("canon: Register[%s]: %s already has the name %q for %s", t, old.t, name, iface)
	}
	if old, ok := s.byType[t]; ok {
		return fmt.Errorf("canon: Register[%s]: already registered for %s as %q", t, iface, old.name)
	}
	s.byName[name], s.byType[t] = m, m
	return nil
}

func memberByName(iface reflect.Type, name string) (member, bool) {
	sumMu.RLock()
	defer sumMu.RUnlock()
	if s := sums[iface]; s != nil {
		m, ok := s.byName[name]
		return m, ok
	}
	return member{}, false
}

func memberByType(iface, t reflect.Type) (member, bool) {
	sumMu.RLock()
	defer sumMu.RUnlock()
	if s := sums[iface]; s != nil {
		m, ok := s.byType[t]
		return m, ok
	}
	return member{}, false
}

// members returns the members of iface sorted by name.
func members(iface reflect.Type) []member {
	sumMu.RLock()
	defer sumMu.RUnlock()
	var ms []member
	if s := sums[iface]; s != nil {
		for _, m := range s.byName {
			ms = append(ms, m)
		}
	}
	sort.Slice(ms, func(i, j int) bool { return ms[i].name < ms[j].name })
	return ms
}

// Schema is the text of what the bytes of t mean: kinds, field names, and the members registered so far for interfaces.
// Two programs whose schemas are equal read each other's bytes alike; Go names of types and packages do not matter.
// Structs and sums are numbered where they first occur and named by number after that, so recursive types have a
// finite text:
//
//	#1{Left #2<add #1 | lit #3{Value float64}>; Right #2}
//
// A type that cannot be encoded gives "invalid(reason)"; see Check.
func Schema(t reflect.Type) string {
	p, err := planOf(t)
	if err != nil {
		return "invalid(" + err.Error() + ")"
	}
	w := schemaWriter{seen: map[reflect.Type]int{}}
	w.write(p)
	return w.String()
}

type schemaWriter struct {
	strings.Builder
	seen map[reflect.Type]int
}

func (w *schemaWriter) write(p *plan) {
	switch p.form {
	case formBytes:
		w.WriteString("bytes")
	case formByteArray:
		fmt.Fprintf(w, "bytes[%d]", p.t.Len())
	case formArray:
		fmt.Fprintf(w, "[%d]", p.t.Len())
		w.write(p.elem)
	case formSlice:
		w.WriteString("[]")
		w.write(p.elem)
	case formPointer:
		w.WriteString("*")
		w.write(p.elem)
	case formStruct, formSum:
		w.numbered(p)
	default:
		w.WriteString(p.t.Kind().String())
	}
}

func (w *schemaWriter) numbered(p *plan) {
	n, old := w.seen[p.t]
	if !old {
		n = len(w.seen) + 1
		w.seen[p.t] = n
	}
	fmt.Fprintf(w, "#%d", n)
	switch {
	case old:
	case p.form == formStruct:
		w.WriteString("{")
		for i, f := range p.fields {
			w.sep(i, "; ")
			w.WriteString(f.name + " ")
			w.write(f.plan)
		}
		w.WriteString("}")
	default:
		w.WriteString("<")
		for i, m := range members(p.t) {
			w.sep(i, " | ")
			w.WriteString(m.name + " ")
			// body was checked by Register, so its plan cannot fail.
			if mp, err := planOf(m.body()); err == nil {
				w.write(mp)
			}
		}
		w.WriteString(">")
	}
}

func (w *schemaWriter) sep(i int, s string) {
	if i > 0 {
		w.WriteString(s)
	}
}
