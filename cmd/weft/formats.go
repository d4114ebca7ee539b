package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/weft-data/weft/frame"
	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/internal/codec"
	"github.com/weft-data/weft/store"
)

// A kind is a format of files.
type kind struct {
	name    string
	endings []string
	packed  bool // whole files may be compressed: an ending such as .gz stands behind
	read    func(o *reading, paths ...string) *frame.Frame
	write   func(f *frame.Frame, ctx context.Context, r graph.Runner, path string, opts ...frame.Option) (int64, error)
}

// kinds are the formats; what is named like none of them is text.
var kinds = []*kind{
	{"CSV", []string{".csv", ".tsv", ".tab", ".txt"}, true, readCSV, (*frame.Frame).WriteCSV},
	{"Parquet", []string{".parquet", ".pq"}, false, readParquet, (*frame.Frame).WriteParquet},
	{"Arrow", []string{".arrow", ".feather", ".ipc", ".arrows"}, false, readArrow, (*frame.Frame).WriteArrow},
	{"JSON", []string{".ndjson", ".jsonl"}, true, readJSON, (*frame.Frame).WriteJSON},
	{"JSON", []string{".json"}, true, readJSON, nil}, // an array is read; lines are written, and called so
}

var csvKind, parquetKind, arrowKind, jsonKind = kinds[0], kinds[1], kinds[2], kinds[3]

func readCSV(o *reading, paths ...string) *frame.Frame { return frame.ReadCSVWith(o.csv, paths...) }

func readParquet(o *reading, paths ...string) *frame.Frame {
	return frame.ReadParquetWith(frame.ParquetReadOptions{NoKeys: o.csv.NoKeys}, paths...)
}

func readArrow(o *reading, paths ...string) *frame.Frame {
	return frame.ReadArrowWith(frame.ArrowReadOptions{NoKeys: o.csv.NoKeys}, paths...)
}

func readJSON(o *reading, paths ...string) *frame.Frame {
	return frame.ReadJSONWith(frame.JSONOptions{Types: o.csv.Types, MaxRecordBytes: o.csv.MaxRecordBytes, NoKeys: o.csv.NoKeys}, paths...)
}

// byName returns the format that a name says, nil for none.
func byName(path string) *kind {
	for _, k := range kinds {
		name := path
		if k.packed {
			name = codec.Trim(path)
		}
		if store.Ends(name, k.endings...) {
			return k
		}
	}
	return nil
}

// open makes a frame of files, patterns and URLs of one format.
func (a *app) open(ctx context.Context, paths []string) (*frame.Frame, error) {
	var of *kind
	for _, p := range paths {
		k, err := sniff(ctx, p)
		if err != nil {
			return nil, err
		}
		if of == nil {
			of = k
		}
		if of.name != k.name {
			return nil, fmt.Errorf("%s and %s files cannot be read as one table: convert one of them first", of.name, k.name)
		}
	}
	if err := a.reading.fits(of); err != nil {
		return nil, err
	}
	t := of.read(&a.reading, paths...)
	return t, t.Err()
}

// sniff finds out the format of a file, folder or pattern by its first bytes and its name, and refuses what is known to be
// something else: as text it would give a table of rubbish.
func sniff(ctx context.Context, path string) (*kind, error) {
	named := byName(path)
	if named == nil {
		named = csvKind
	}
	found, err := store.Find(ctx, []string{path})
	if err != nil {
		return named, nil // the reader says what is wrong
	}
	if k := byName(found[0].Path); k != nil {
		named = k
	}
	head, err := start(ctx, found[0].Info)
	if err != nil {
		return named, nil // as above
	}
	for _, f := range magics {
		if bytes.HasPrefix(head, []byte(f.magic)) {
			if f.kind == nil {
				return nil, fmt.Errorf("%s is %s: weft reads CSV, TSV, JSON, Parquet and Arrow", store.Name(path), f.foreign)
			}
			return f.kind, nil
		}
	}
	return named, nil
}

// start returns the first bytes of a file, expanded.
func start(ctx context.Context, x store.Info) (head []byte, err error) {
	f, err := x.Open(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	c, err := codec.OfFile(f, x.Path)
	if err != nil {
		return nil, err
	}
	r, done, err := codec.NewReader(f, c)
	if err != nil {
		return nil, err
	}
	defer done()
	head = make([]byte, 8)
	n, err := io.ReadFull(r, head)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		err = nil // a short file is no foreign one
	}
	return head[:n], err
}

// magics are the first bytes of files that are not text; without a kind they are foreign.
var magics = []struct {
	magic   string
	kind    *kind
	foreign string
}{
	{"PAR1", parquetKind, ""}, {"ARROW1", arrowKind, ""}, {"\xff\xff\xff\xff", arrowKind, ""}, {"PK\x03\x04", nil, "a zip archive or spreadsheet"},
	{"Obj\x01", nil, "an Avro file"}, {"ORC", nil, "an ORC file"}, {"SQLite f", nil, "an SQLite database"}, {"%PDF", nil, "a PDF file"},
	{"\xd0\xcf\x11\xe0", nil, "a spreadsheet"}, {"\x89HDF", nil, "an HDF5 file"},
}
