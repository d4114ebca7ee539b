package expr

import (
	"fmt"
	"strings"

	"github.com/weft-data/weft/dtype"
)

// elemRule types functions of a list whose result depends on its elements.
func elemRule(what string, takes func(k dtype.Kind) bool, out func(t dtype.Type) dtype.Type) func(s *sig, in []operand) error {
	return func(s *sig, in []operand) error {
		if in[0].T == tNull {
			s.Out = tNull
			return nil
		}
		e := in[0].T.Elem()
		if !takes(e.Kind) && e != tNull {
			return fmt.Errorf("takes lists of %s, got %s", what, in[0].T)
		}
		s.Out = out(e)
		return nil
	}
}

func anyKind(dtype.Kind) bool { return true }

// withNulls makes the result nullable.
func withNulls(rule func(s *sig, in []operand) error) func(s *sig, in []operand) error {
	return func(s *sig, in []operand) error {
		s.Null = true
		return rule(s, in)
	}
}

func numericKind(k dtype.Kind) bool {
	return k.IsNumeric() || k == dtype.Decimal128 || k == dtype.Duration
}

// sumOf is the type of the sum of a list, as that of a group.
func sumOf(t dtype.Type) dtype.Type {
	switch k := t.Kind; {
	case k.IsSigned():
		return tInt64
	case k.IsUnsigned():
		return tUint64
	case k.IsFloat():
		return tFloat64
	case k == dtype.Decimal128:
		return dtype.DecimalOf(38, t.Scale)
	}
	return t
}

func listFns() []fn {
	same := func(t dtype.Type) dtype.Type { return t }
	list := func(name, doc, example string, takes func(dtype.Kind) bool) fn {
		return define("list."+name, "x list", "the type of x", doc, example).
			rule(elemRule("values with an order", takes, dtype.ListOf)).code(bindListMap)
	}
	elem := func(name, doc, example string) fn {
		return define("list."+name, "x list", "the type of the elements", doc, example).
			rule(withNulls(elemRule("values with an order", dtype.Kind.IsOrdered, same))).code(bindListReduce)
	}
	find := func(name string, out dtype.Type, doc, example string) fn {
		return define("list."+name, "x list, y any", out.String(), doc, example).rule(listFindRule(out)).code(bindListFind)
	}
	return []fn{
		define("list.of", "x any…", "a list of the common type", "A list of the arguments.", "list.of(1, int64(null), 3) => [1, null, 3]").rule(listOfRule).
			seesNulls("never null; null arguments are null elements").code(bindListOf),
		define("list.range", "from int64, to int64", "list(int64)", "The whole numbers from the first on that are below the second.", "list.range(2, 5) => [2, 3, 4]").
			gives(dtype.ListOf(tInt64)).canFail("a list of more than 2^22 numbers", nil).code(bindListRange),
		define("list.len", "x list", "int64", "How many elements there are, nulls included.", "list.len(list.of(1, 2)) => 2").gives(tInt64).code(bindListLen),
		define("list.get", "x list, i int64", "the type of the elements", "Element i, from 0, or from the end when i is negative; null beyond.", `list.get(list.of("a", "b"), -1) => "b"`).
			rule(withNulls(elemRule("", anyKind, same))).code(bindListGet),
		find("contains", tBool, "True when an element equals y; nulls equal nothing.", "list.contains(list.of(1, 2), 2) => true"),
		find("index_of", tInt64, "Place of the first element that equals y, from 0; -1 when there is none.", `list.index_of(list.of("a", "b"), "b") => 1`),
		define("list.sum", "x list", "int64, uint64, float64, decimal(38, scale) or the duration", "The sum of the elements that are not null; null when there are none.", "list.sum(list.of(1, 2, 3)) => 6").
			rule(withNulls(elemRule("numbers or durations", numericKind, sumOf))).canFail(overflows, intResult).code(bindListReduce),
		define("list.mean", "x list", "float64", "The mean of the elements that are not null; null when there are none.", "list.mean(list.of(1, 2)) => 1.5").
			rule(withNulls(elemRule("numbers", func(k dtype.Kind) bool { return numericKind(k) && k != dtype.Duration }, func(dtype.Type) dtype.Type { return tFloat64 }))).code(bindListReduce),
		elem("min", "The least element that is not null; NaN counts as the greatest value.", "list.min(list.of(3, 1, 2)) => 1"),
		elem("max", "The greatest element that is not null; NaN counts as the greatest value.", "list.max(list.of(3, 1, 2)) => 3"),
		list("sort", "The elements in ascending order, NaN behind the other values, nulls last.", "list.sort(list.of(3, int64(null), 1)) => [1, 3, null]", dtype.Kind.IsOrdered),
		list("unique", "The first of equal elements each, in their order; NaN equals NaN and null equals null.", "list.unique(list.of(3, 1, 3)) => [3, 1]", dtype.Kind.IsOrdered),
		list("reverse", "The elements in the other order.", "list.reverse(list.of(1, 2)) => [2, 1]", anyKind),
		list("drop_nulls", "The elements that are not null.", "list.drop_nulls(list.of(1, int64(null))) => [1]", anyKind),
		define("list.slice", "x list, start int64, n int64", "the type of x", "n elements from place start on; a negative start counts from the end.", "list.slice(list.of(1, 2, 3), -2, 1) => [2]").
			rule(elemRule("", anyKind, dtype.ListOf)).code(bindListSlice),
		define("list.concat", "x list…", "the common type", "The elements of all lists one after the other.", "list.concat(list.of(1), list.of(2, 3)) => [1, 2, 3]").
			rule(listConcatRule).code(bindListConcat),
		define("list.join", "x list, sep text", "utf8", "The texts that are not null with sep between them.", `list.join(str.split("a b", " "), "-") => "a-b"`).
			rule(elemRule("text", func(k dtype.Kind) bool { return k == dtype.Utf8 }, func(dtype.Type) dtype.Type { return tText })).canFail(tooLong, nil).code(bindListJoin),
	}
}

func listOfRule(s *sig, in []operand) error {
	t, err := unify(in)
	for i := range in {
		s.In[i] = t
	}
	s.Out, s.Null = dtype.ListOf(t), false
	return err
}

func listConcatRule(s *sig, in []operand) error {
	t, err := unify(in)
	for i := range in {
		s.In[i] = t
	}
	s.Out = t
	return err
}

// listFindRule compares an element with a value.
func listFindRule(out dtype.Type) func(s *sig, in []operand) error {
	return func(s *sig, in []operand) error {
		s.Out = out
		if in[0].T == tNull {
			return nil
		}
		t, err := cmpType(operand{T: in[0].T.Elem(), Null: true}, in[1])
		s.In[0], s.In[1] = dtype.ListOf(t), t
		return err
	}
}

func structFns() []fn {
	return []fn{
		define("struct.of", "names const text, x any…", "a struct", "A struct of the arguments, with the names between commas.", `struct.of("a, b", 1, "x") => {"a": 1, "b": "x"}`).
			rule(structOfRule).seesNulls("never null; null arguments are null fields").code(bindStructOf),
		define("struct.get", "x struct, name const text", "the type of the field", "The field called name.", `struct.get(struct.of("a, b", 1, "x"), "b") => "x"`).
			rule(structGetRule).code(bindStructGet),
	}
}

func structOfRule(s *sig, in []operand) error {
	names := strings.Split(in[0].Lit.S, ",")
	if len(names) != len(in)-1 {
		return fmt.Errorf("%d names for %d values", len(names), len(in)-1)
	}
	var fields dtype.Schema
	for i, n := range names {
		fields = append(fields, dtype.Field{Name: strings.TrimSpace(n), Type: in[i+1].T, Nullable: true})
	}
	s.Out, s.Null = dtype.StructOf(fields), false
	return s.Out.Check()
}

func structGetRule(s *sig, in []operand) error {
	if in[0].T == tNull {
		s.Out = tNull
		return nil
	}
	fields := in[0].T.Fields()
	i := fields.Index(in[1].Lit.S)
	if i < 0 {
		return fmt.Errorf("%s has no field %q; its fields are %q", in[0].T, in[1].Lit.S, fields.Names())
	}
	s.Out, s.Null = fields[i].Type, true
	return nil
}
