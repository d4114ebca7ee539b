package csv

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/codec"
	"github.com/weft-data/weft/internal/scan"
	"github.com/weft-data/weft/store"
)

const (
	headSample   = 1 << 20   // of the first file
	sideSample   = 256 << 10 // of the middle and the end, and of further files
	sampledFiles = 3
	shortSample  = 16 << 10 // of the start of the other files
)

// Describe finds out what "csv.read" must know of some files: their sizes and
// times, how they are compressed, the delimiter, whether there is a header, the
// column names and the columns' types. It is the only input and output of a verb
// that reads text, and reads at most 4 MiB of the first three files and 16 KiB of
// each of the others, unless a record is longer.
//
// The table has the columns of all headers, in the order in which they come, by
// their names: those that a file lacks are null in its rows. A header that differs
// must share a name with those before it and look like one, lest data be taken for
// names. Without headers, and with Names, columns are taken by position.
//
// Each path is a file, a folder or a pattern, whose files are sorted: see
// store.Find. The parts key=value of the paths below a folder, or from the first
// wildcard of a pattern on, become columns behind those of the files, see scan.Find.
// Types come from a sample (the start, middle and end of the files)
// and are checked again on every row that is read: see Options for what they may
// be. A column without values in the sample is utf8, or null if the sample was all
// there is.
//
// Errors: a pattern that matches nothing, a folder without files, an unreadable file, options
// that contradict each other or the first record.
func Describe(ctx context.Context, paths []string, o Options) (ReadParams, dtype.Schema, error) {
	found, err := scan.Find(ctx, scan.Ask{Paths: paths, NoKeys: o.NoKeys, Types: o.Types})
	if err != nil {
		return ReadParams{}, nil, wrap(err)
	}
	files := make([]File, len(found.Files))
	for i, x := range found.Files {
		files[i] = File{Info: x.Info, Codec: o.Codec, Keys: found.Values[i]}
	}
	p, err := o.params(files)
	if err != nil {
		return ReadParams{}, nil, err
	}
	d := describer{p: &p, o: o, complete: true}
	if err := d.run(ctx); err != nil {
		return ReadParams{}, nil, err
	}
	p.keys(found.Keys)
	if err := p.check(); err != nil {
		return ReadParams{}, nil, err
	}
	return p, p.schema(), nil
}

// keys adds the columns that paths give.
func (p *ReadParams) keys(keys dtype.Schema) {
	for _, k := range keys {
		c := slices.Index(p.Names, k.Name)
		if c < 0 {
			c = len(p.Names)
			p.Names, p.Types, p.Guessed = append(p.Names, k.Name), append(p.Types, k.Type), append(p.Guessed, false)
		}
		p.Types[c], p.Guessed[c] = k.Type, false
		p.Cols = append(slices.DeleteFunc(p.Cols, func(x int32) bool { return x == int32(c) }), int32(c))
		p.Keys = append(p.Keys, int32(c))
	}
}

// params turns options into parameters, without what must be found out.
func (o *Options) params(files []File) (ReadParams, error) {
	p := ReadParams{Files: files, Skip: int64(o.SkipRows), Delimiter: o.Delimiter, Quote: o.Quote, Comment: o.Comment,
		Nulls: o.Nulls, Pad: o.Ragged == RaggedPad, OneLine: o.OneLine, MaxRecord: o.MaxRecordBytes,
		SplitBytes: o.SplitBytes, BlockBytes: o.BlockBytes, AutoBlocks: o.BlockBytes == 0, Ratio: 1}
	if p.Quote == 0 && !o.NoQuotes {
		p.Quote = '"'
	}
	if o.NoQuotes {
		p.Quote = 0
	}
	for _, s := range o.Nulls {
		if p.Quote != 0 && strings.IndexByte(s, p.Quote) >= 0 || strings.Contains(s, "\n") {
			return p, fmt.Errorf("csv: null spelling %q holds a quote or newline", s)
		}
	}
	if o.SkipRows < 0 || o.MaxRecordBytes < 0 || o.SplitBytes < 0 || o.BlockBytes < 0 {
		return p, errors.New("csv: negative SkipRows, MaxRecordBytes, SplitBytes or BlockBytes")
	}
	if p.MaxRecord == 0 {
		p.MaxRecord = defaultMaxRecord
	}
	if p.SplitBytes == 0 {
		p.SplitBytes = chunkBytes
	}
	if p.BlockBytes == 0 {
		total := int64(0)
		for _, f := range files {
			total += f.Size
		}
		p.BlockBytes = min(max(total/32, minBlock), maxBlock)
	}
	p.BlockBytes = min(max(p.BlockBytes, p.SplitBytes), p.SplitBytes*maxSplits)
	return p, nil
}

// A describer gathers what the samples say.
type describer struct {
	p        *ReadParams
	o        Options
	complete bool    // the samples hold every record
	guesses  []guess // by column of the table
	layout   *Layout // of the file being sampled
	bytes    int64   // of sampled records
	records  int64
	fields   []field
	scratch  []byte
}

func (d *describer) run(ctx context.Context) error {
	for i := range d.p.Files {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := d.file(ctx, i); err != nil {
			return err
		}
	}
	p := d.p
	p.Types, p.Guessed = make([]dtype.Type, len(p.Names)), make([]bool, len(p.Names))
	for c := range p.Names {
		p.Types[c], p.Guessed[c] = d.guesses[c].dtype(d.complete), true
		p.Cols = append(p.Cols, int32(c))
	}
	for name, t := range d.o.Types {
		c, err := p.schema().Find(name)
		if err != nil {
			return fmt.Errorf("csv: option Types: %w", err)
		}
		p.Types[c], p.Guessed[c] = t, false
	}
	if d.records > 0 {
		p.RecordBytes = float64(d.bytes) / float64(d.records)
		if d.o.SplitBytes == 0 { // loops over the columns of few records are short
			p.SplitBytes = min(max(p.SplitBytes, int64(1024*p.RecordBytes)), longSplit)
			p.BlockBytes = max(p.BlockBytes, p.SplitBytes)
		}
	}
	return nil
}

// file samples file i; the first one decides about everything but types and the
// columns that others have besides its own.
func (d *describer) file(ctx context.Context, i int) error {
	f := &d.p.Files[i]
	want := shortSample
	switch {
	case i == 0:
		want = headSample
	case i < sampledFiles:
		want = sideSample
	}
	head, whole, err := d.head(ctx, f, want)
	if err != nil {
		return err
	}
	body, err := skipPreamble(head, store.Name(f.Path), d.p.Skip)
	if err != nil {
		return err
	}
	if i == 0 {
		err = d.shape(f, body, whole)
	} else {
		err = d.lay(f, body)
	}
	if err != nil {
		return err
	}
	d.complete = d.complete && whole
	d.layout = &d.p.Layouts[f.Layout]
	d.learn(body, d.p.HasHead)
	if whole || d.p.streamed(i) || i >= sampledFiles {
		return nil
	}
	for _, at := range []int64{f.Size / 2, f.Size - sideSample} {
		if at >= int64(want) {
			if err := d.side(ctx, f, at); err != nil {
				return err
			}
		}
	}
	return nil
}

// head reads up to n bytes of text from the start of a file; whole means that
// there is no more, and the text ends with a newline then.
func (d *describer) head(ctx context.Context, f *File, n int) (b []byte, whole bool, err error) {
	for {
		r, err := openText(ctx, f)
		if err != nil {
			return nil, false, err
		}
		if f.Codec = r.codec; f.Codec == Plain {
			n = int(min(int64(n), f.Size))
		}
		b = make([]byte, n+1)
		k, err := readFull(r, b)
		used := r.used()
		r.Close()
		if whole = err == io.EOF; err != nil && !whole {
			return nil, false, wrapPath(f.Path, err)
		}
		if whole {
			b = append(b[:k], '\n')
		} else {
			b = b[:n]
		}
		if f.Codec != Plain && used > 0 {
			d.p.Ratio = float64(k) / float64(used)
		}
		// A sample must hold the first record.
		if whole || bytes.IndexByte(b, '\n') >= 0 || int64(n) > d.p.MaxRecord {
			return b, whole, nil
		}
		n *= 4
	}
}

// skipPreamble cuts the byte order mark and the skipped lines off the start of a
// file.
func skipPreamble(b []byte, path string, lines int64) ([]byte, error) {
	n, err := preamble(b, path, lines)
	if err != nil || n < 0 {
		return nil, err
	}
	return b[n:], nil
}

// preamble returns where the header or first record begins, or -1 when the skipped
// lines do not end in b.
func preamble(b []byte, path string, lines int64) (int, error) {
	if bytes.HasPrefix(b, []byte{0xff, 0xfe}) || bytes.HasPrefix(b, []byte{0xfe, 0xff}) {
		return 0, fmt.Errorf("csv: %s begins with a UTF-16 byte order mark: convert it to UTF-8", path)
	}
	at := 0
	if bytes.HasPrefix(b, []byte("\xef\xbb\xbf")) {
		at = 3
	}
	for ; lines > 0; lines-- {
		i := bytes.IndexByte(b[at:], '\n')
		if i < 0 {
			return -1, nil
		}
		at += i + 1
	}
	return at, nil
}

// shape decides delimiter, header and names from the head of the first file.
func (d *describer) shape(f *File, b []byte, whole bool) error {
	p := d.p
	if p.Delimiter == 0 {
		p.Delimiter = d.sniff(store.Name(f.Path), b)
	}
	g := grammar{p.Delimiter, p.Quote, p.Comment}
	if err := g.check(); err != nil {
		return err
	}
	rows, open := d.firstRows(&g, b, 200)
	switch {
	case len(rows) > 0:
	case open && whole:
		return fmt.Errorf("csv: %s: a quoted field of the first record is not closed", store.Name(f.Path))
	case !whole && len(bytes.TrimSpace(b)) > 0:
		return fmt.Errorf("csv: %s: the first record does not end within %d bytes: an open quote, or too small an option MaxRecordBytes", store.Name(f.Path), len(b))
	default:
		return d.noRows(f)
	}
	if whole && returnsAlone(&g, b) {
		return fmt.Errorf("csv: %s: lines seem to end in a carriage return alone: they must end in LF or CRLF", store.Name(f.Path))
	}
	p.HasHead = d.o.Header == Yes || d.o.Header == Auto && looksLikeHeader(rows)
	n := len(rows[0])
	names, l := make([]string, n), Layout{}
	if p.HasHead {
		names = texts(rows[0])
		if d.o.Names == nil {
			l.Header = slices.Clone(names)
		}
	}
	if d.o.Names != nil {
		if len(d.o.Names) != n && !(p.Pad && len(d.o.Names) > n) {
			return fmt.Errorf("csv: %s: %d names given, but the first record has %d fields", store.Name(f.Path), len(d.o.Names), n)
		}
		names = slices.Clone(d.o.Names)
		if err := unique(names); err != nil {
			return err
		}
	}
	d.first(fixNames(names), l)
	return nil
}

// returnsAlone reports whether b is one line with carriage returns in it, outside quotes: ends of lines that the
// grammar does not know.
func returnsAlone(g *grammar, b []byte) bool {
	if bytes.IndexByte(b, '\n') != len(b)-1 {
		return false
	}
	_, f, kind := g.record(b, 0, nil)
	return kind == lineRecord && slices.ContainsFunc(f, func(x field) bool { return !x.quoted && bytes.IndexByte(b[x.lo:x.hi], '\r') >= 0 })
}

// first takes the columns of the first file.
func (d *describer) first(names []string, l Layout) {
	d.p.Names, d.guesses = names, make([]guess, len(names))
	for c := range names {
		l.Cols = append(l.Cols, int32(c))
	}
	d.p.Layouts = []Layout{l}
}

func texts(row []cell) []string {
	out := make([]string, len(row))
	for i, c := range row {
		out[i] = c.text
	}
	return out
}

// lay finds the layout of a file that is not the first: one that is there already if
// its header is.
func (d *describer) lay(f *File, b []byte) error {
	p := d.p
	if len(p.Layouts[0].Header) == 0 {
		return nil // by position
	}
	g := grammar{p.Delimiter, p.Quote, p.Comment}
	rows, _ := d.firstRows(&g, b, 50)
	if len(rows) == 0 {
		return nil
	}
	header := texts(rows[0])
	for i, l := range p.Layouts {
		if slices.Equal(l.Header, header) {
			f.Layout = int32(i)
			return nil
		}
	}
	l := Layout{Header: slices.Clone(header)}
	shares := false
	names := fixNames(header)
	for _, name := range names {
		shares = shares || slices.Contains(p.Names, name)
	}
	if !shares || d.o.Header == Auto && !looksLikeHeader(rows) {
		return fmt.Errorf("csv: %s: the first record is %s, which is no header of a table with the columns %s (with option Header: Yes and option Names, columns are taken by position)",
			store.Name(f.Path), strings.Join(l.Header, ","), strings.Join(p.Names, ","))
	}
	for _, name := range names {
		c := slices.Index(p.Names, name)
		if c < 0 {
			c = len(p.Names)
			p.Names, d.guesses = append(p.Names, name), append(d.guesses, guess{})
		}
		l.Cols = append(l.Cols, int32(c))
	}
	f.Layout = int32(len(p.Layouts))
	p.Layouts = append(p.Layouts, l)
	return nil
}

// noRows describes a file without records.
func (d *describer) noRows(f *File) error {
	if d.o.Names == nil {
		return fmt.Errorf("csv: %s has no records, so it has no columns: give their names with option Names", store.Name(f.Path))
	}
	d.first(fixNames(slices.Clone(d.o.Names)), Layout{})
	d.p.HasHead = d.o.Header == Yes
	return unique(d.o.Names)
}

// unique refuses given names that repeat: renaming them would not be what was
// asked for.
func unique(names []string) error {
	s := make(dtype.Schema, len(names))
	for i, n := range names {
		s[i].Name = n
	}
	if err := s.Unique(); err != nil {
		return fmt.Errorf("csv: option Names: %w", err)
	}
	return nil
}

// fixNames gives every column a name of its own.
func fixNames(names []string) []string {
	taken := map[string]bool{}
	for _, n := range names {
		taken[n] = true
	}
	seen := map[string]bool{}
	for i, n := range names {
		if n == "" {
			n = fmt.Sprintf("column_%d", i+1)
		}
		if !utf8.ValidString(n) {
			n = strings.ToValidUTF8(n, "\uFFFD")
		}
		base := n
		for k := 2; seen[n] || n != names[i] && taken[n]; k++ {
			n = fmt.Sprintf("%s_%d", base, k)
		}
		names[i] = n
		seen[n], taken[n] = true, true
	}
	return names
}

// A cell is a field of one of the first records.
type cell struct {
	text  string
	class class
}

// firstRows reads up to n records. open says that it ended at one that goes on behind b.
func (d *describer) firstRows(g *grammar, b []byte, n int) (rows [][]cell, open bool) {
	var f []field
	for at := 0; at < len(b) && len(rows) < n; {
		var kind line
		if at, f, kind = g.record(b, at, f); kind == lineOpen {
			return rows, true
		}
		if kind != lineRecord {
			continue
		}
		row := make([]cell, len(f))
		for i, x := range f {
			v := g.text(nil, b, x)
			row[i].text = string(v)
			if v = trim(v); len(v) > 0 && !slices.Contains(d.p.Nulls, string(v)) {
				row[i].class, _ = classify(v)
			}
		}
		rows = append(rows, row)
	}
	return rows, false
}

// looksLikeHeader reports whether the first record has names: only text, some of
// it not empty, and no two equal unless a column below holds something else than
// text.
func looksLikeHeader(rows [][]cell) bool {
	seen := map[string]bool{}
	text, twice, typed := false, false, false
	for c, x := range rows[0] {
		if x.class != 0 && x.class != isText {
			return false
		}
		text = text || x.class == isText
		twice = twice || x.text != "" && seen[x.text]
		seen[x.text] = true
		for _, r := range rows[1:] {
			if c < len(r) && r[c].class != 0 {
				typed = typed || r[c].class != isText
				break
			}
		}
	}
	return text && (typed || !twice)
}

// sniff chooses the delimiter that divides the most records of the sample into the
// same number of fields, above one; the earlier of , ; tab | when they are equal.
func (d *describer) sniff(path string, b []byte) byte {
	if store.Ends(codec.Trim(path), ".tsv", ".tab") {
		return '\t'
	}
	best, score := byte(','), 0.0
	for _, c := range []byte(",;\t|") {
		if c == d.p.Quote || c == d.p.Comment {
			continue
		}
		g := grammar{c, d.p.Quote, d.p.Comment}
		rows, _ := d.firstRows(&g, b, 100)
		if len(rows) == 0 || len(rows[0]) < 2 {
			continue
		}
		even := 0
		for _, r := range rows {
			if len(r) == len(rows[0]) {
				even++
			}
		}
		// More fields win among equally even ones: a comma in prose is rarer than a delimiter.
		if s := float64(even)/float64(len(rows)) + float64(min(len(rows[0]), 1000))/1e6; s > score {
			best, score = c, s
		}
	}
	return best
}

// learn adds the whole records of b to the guesses.
func (d *describer) learn(b []byte, skipFirst bool) {
	g := grammar{d.p.Delimiter, d.p.Quote, d.p.Comment}
	for at := 0; at < len(b); {
		next, f, kind := g.record(b, at, d.fields)
		d.fields = f
		if kind == lineOpen {
			return
		}
		if kind == lineRecord && !skipFirst {
			d.see(&g, b, f)
		}
		if !skipFirst && (kind == lineRecord || kind == lineBlank && len(d.layout.Cols) == 1) {
			d.bytes += int64(next - at)
			d.records++
		}
		skipFirst = skipFirst && kind != lineRecord
		at = next
	}
}

func (d *describer) see(g *grammar, b []byte, f []field) {
	for i, x := range f[:min(len(f), len(d.layout.Cols))] {
		v := b[x.lo:x.hi]
		if x.doubled {
			d.scratch = g.text(d.scratch[:0], b, x)
			v = d.scratch
		}
		if len(d.p.Nulls) > 0 && slices.Contains(d.p.Nulls, view(v)) {
			continue
		}
		d.guesses[d.layout.Cols[i]].see(v, x.quoted)
	}
}

// side adds a sample from somewhere in a file. Whether it starts inside quotes is
// not known: the reading is taken under which every record has as many fields as
// there are columns, and the sample is left out if there is none.
func (d *describer) side(ctx context.Context, f *File, at int64) error {
	file, err := f.Open(ctx)
	if err != nil {
		return wrap(err)
	}
	defer file.Close()
	b := make([]byte, sideSample)
	n, err := file.ReadAt(b, at)
	if err != nil && err != io.EOF {
		return wrapPath(f.Path, err)
	}
	b = b[:n]
	g := grammar{d.p.Delimiter, d.p.Quote, 0}
	for _, s := range []state{outside, inside} {
		i := g.border(b, 0, 'x', s)
		if i >= 0 && d.even(&g, b[i:]) {
			d.learn(b[i:], false)
			return nil
		}
	}
	return nil
}

func (d *describer) even(g *grammar, b []byte) bool {
	for at := 0; at < len(b); {
		next, f, kind := g.record(b, at, d.fields)
		d.fields = f
		if kind == lineOpen {
			return at > 0
		}
		if kind == lineRecord && len(f) != len(d.layout.Cols) || slices.ContainsFunc(f, func(x field) bool { return x.bad }) {
			return false
		}
		at = next
	}
	return true
}
