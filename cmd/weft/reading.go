package main

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/format/csv"
	"github.com/weft-data/weft/frame"
)

// A reading is what the user says about the files to read; the zero value finds out everything.
type reading struct {
	delimiter, quote, comment string
	header, noHeader          bool
	names, nulls, types       []string
	ragged                    bool
	skip                      int
	record                    string
	codec                     string

	given []string // flags on the command line
	csv   frame.CSVOptions
}

// readFlags are the flags of reading: the option of the library that each sets, which errors name, and the formats it
// is for.
var readFlags = []struct {
	name, option string
	kinds        []*kind
}{
	{"delimiter", "Delimiter", []*kind{csvKind}},
	{"quote", "Quote", []*kind{csvKind}},
	{"header", "Header", []*kind{csvKind}},
	{"no-header", "", []*kind{csvKind}},
	{"names", "Names", []*kind{csvKind}},
	{"null", "Nulls", []*kind{csvKind}},
	{"ragged", "Ragged", []*kind{csvKind}},
	{"comment", "Comment", []*kind{csvKind}},
	{"skip-rows", "SkipRows", []*kind{csvKind}},
	{"codec", "Codec", []*kind{csvKind}},
	{"type", "Types", []*kind{csvKind, jsonKind}},
	{"max-record", "MaxRecordBytes", []*kind{csvKind, jsonKind}},
	{"no-keys", "NoKeys", []*kind{csvKind, parquetKind, arrowKind, jsonKind}},
}

// reads gives a command the flags of reading.
func (a *app) reads(c *cobra.Command) *cobra.Command {
	o := &a.reading
	f := c.Flags()
	f.StringVar(&o.delimiter, "delimiter", "", "CSV: what stands between fields, one character or tab (default: found out)")
	f.StringVar(&o.quote, "quote", "", "CSV: what stands around fields, one character or none (default: \")")
	f.BoolVar(&o.header, "header", false, "CSV: the first record has the column names")
	f.BoolVar(&o.noHeader, "no-header", false, "CSV: the first record is data")
	f.StringSliceVar(&o.names, "names", nil, "CSV: column names, in the order of the fields: a,b,c")
	f.StringArrayVar(&o.nulls, "null", nil, "CSV: a spelling of null besides the empty field, again for more: NA")
	f.BoolVar(&o.ragged, "ragged", false, "CSV: records may lack fields at their ends, which are null")
	f.StringVar(&o.comment, "comment", "", "CSV: lines that begin with it are left out, one character")
	f.IntVar(&o.skip, "skip-rows", 0, "CSV: lines before the header")
	f.StringVar(&o.codec, "codec", "", "CSV: plain, gzip, zstd, lz4 or snappy (default: found out)")
	f.StringArrayVar(&o.types, "type", nil, "CSV, JSON: the type of a column, again for more: price=float64")
	f.StringVar(&o.record, "max-record", "", "CSV, JSON: the longest record (default 16MiB)")
	f.BoolVar(&o.csv.NoKeys, "no-keys", false, "folders key=value give no columns")
	c.PreRunE = func(c *cobra.Command, _ []string) error {
		for _, x := range readFlags {
			if c.Flags().Changed(x.name) {
				o.given = append(o.given, x.name)
			}
		}
		if err := o.parse(); err != nil {
			return usageError{err}
		}
		return nil
	}
	return c
}

// parse makes options of the flags.
func (o *reading) parse() (err error) {
	p := &o.csv
	p.Names, p.Nulls, p.SkipRows = o.names, o.nulls, o.skip
	if p.Delimiter, err = character("delimiter", o.delimiter); err != nil {
		return err
	}
	if o.quote == "none" {
		p.NoQuotes = true
	} else if p.Quote, err = character("quote", o.quote); err != nil {
		return err
	}
	if p.Comment, err = character("comment", o.comment); err != nil {
		return err
	}
	switch {
	case o.header && o.noHeader:
		return errors.New("--header and --no-header exclude each other")
	case o.header:
		p.Header = csv.Yes
	case o.noHeader:
		p.Header = csv.No
	}
	if o.ragged {
		p.Ragged = csv.RaggedPad
	}
	if o.skip < 0 {
		return fmt.Errorf("--skip-rows %d: want 0 or more", o.skip)
	}
	if o.record != "" {
		if p.MaxRecordBytes, err = parseBytes(o.record); err == nil && (p.MaxRecordBytes < 1 || p.MaxRecordBytes > 1<<30) {
			err = errors.New("want 1 to 1GiB")
		}
		if err != nil {
			return fmt.Errorf("--max-record: %w", err)
		}
	}
	codecs := []csv.Codec{csv.Plain, csv.Gzip, csv.Zstd, csv.LZ4, csv.Snappy}
	if i := slices.IndexFunc(codecs, func(c csv.Codec) bool { return c.String() == o.codec }); i >= 0 {
		p.Codec = codecs[i]
	} else if o.codec != "" {
		return fmt.Errorf("--codec %s: want plain, gzip, zstd, lz4 or snappy", o.codec)
	}
	for _, s := range o.types {
		name, word, ok := cutLast(s)
		t, err := dtype.Parse(word)
		if !ok {
			err = errors.New("want a column and its type")
		}
		if err != nil {
			return fmt.Errorf("--type %s: %w: write for example price=float64", s, err)
		}
		if p.Types == nil {
			p.Types = map[string]dtype.Type{}
		}
		p.Types[name] = t
	}
	return nil
}

// cutLast cuts at the last = sign: names may have some.
func cutLast(s string) (name, word string, ok bool) {
	i := strings.LastIndexByte(s, '=')
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}

// character reads one that is a byte; "" is 0.
func character(flag, s string) (byte, error) {
	if s == "tab" || s == `\t` {
		s = "\t"
	}
	if len(s) > 1 {
		return 0, fmt.Errorf("--%s %q: want one character of ASCII", flag, s)
	}
	return cmp.Or(s, "\x00")[0], nil
}

// fits refuses flags that are for other formats.
func (o *reading) fits(k *kind) error {
	for _, x := range readFlags {
		if slices.Contains(o.given, x.name) && !slices.ContainsFunc(x.kinds, func(y *kind) bool { return y.name == k.name }) {
			var names []string
			for _, y := range x.kinds {
				names = append(names, y.name)
			}
			return usageError{fmt.Errorf("--%s is for %s files, these are %s", x.name, strings.Join(names, " and "), k.name)}
		}
	}
	return nil
}

// option is how errors of readers name an option: with a value perhaps.
var option = regexp.MustCompile(`(?:the )?option ([A-Z][A-Za-z]*)(\{"(.*?)": (.*?)\}|: [A-Z][A-Za-z]*)?`)

// flagged names flags in place of the library's options.
func flagged(s string) string {
	return option.ReplaceAllStringFunc(s, func(found string) string {
		m := option.FindStringSubmatch(found)
		for _, x := range readFlags {
			switch {
			case x.option != m[1]:
			case m[3] != "":
				return fmt.Sprintf("--%s %s=%s", x.name, m[3], m[4])
			default:
				return "--" + x.name
			}
		}
		return found
	})
}
