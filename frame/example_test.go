package frame_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"

	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/frame"
	"github.com/weft-data/weft/sched/local"
)

// trips writes a file for the examples.
func trips() (path string, remove func()) {
	dir, err := os.MkdirTemp("", "trips-")
	if err != nil {
		log.Fatal(err)
	}
	path = filepath.Join(dir, "trips.csv")
	text := "city,day,fare,tip\nOslo,2024-05-01,120.5,10\nBergen,2024-05-01,80,\nOslo,2024-05-02,95,5\nTromsø,2024-05-02,,\nBergen,2024-05-03,64.25,4\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		log.Fatal(err)
	}
	return path, func() { _ = os.RemoveAll(dir) }
}

// show runs a frame and prints its rows.
func show(f *frame.Frame) {
	engine := local.New(local.Options{})
	defer engine.Close()
	t, err := f.Collect(context.Background(), engine)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(strings.Join(t.Schema.Names(), " "))
	for _, line := range lines(t) {
		fmt.Println(line)
	}
}

func ExampleReadCSV() {
	path, remove := trips()
	defer remove()
	f := frame.ReadCSV(path)
	fmt.Println(f.Schema())
	show(f.Head(2))
	// Output:
	// city utf8?, day date?, fare float64?, tip int64?
	// city day fare tip
	// Oslo 2024-05-01 120.5 10
	// Bergen 2024-05-01 80 null
}

func ExampleFrame_GroupBy() {
	path, remove := trips()
	defer remove()
	show(frame.ReadCSV(path).
		GroupBy("city").Agg(frame.Sum("fare"), frame.Count("tip").As("tips"), frame.Count().As("trips")).
		Sort("city"))
	// Output:
	// city fare tips trips
	// Bergen 144.25 1 2
	// Oslo 215.5 2 2
	// Tromsø null 0 1
}

func ExampleFrame_WithColumns() {
	path, remove := trips()
	defer remove()
	fare, tip := frame.Col("fare"), frame.Col("tip").FillNull(0)
	show(frame.ReadCSV(path).
		Filter(fare.IsNotNull()).
		WithColumns(fare.Add(tip).As("paid"), frame.If(tip.Gt(4)).Then("good").Else("none").As("tip")).
		Select("paid", "tip", frame.Col("day").Dt().Weekday().As("weekday")))
	// Output:
	// paid tip weekday
	// 130.5 good 3
	// 80 none 3
	// 100 good 4
	// 68.25 none 5
}

func ExampleFrame_Join() {
	path, remove := trips()
	defer remove()
	f := frame.ReadCSV(path)
	best := f.GroupBy("city").Agg(frame.Max("fare").As("best"))
	show(f.Join(best, frame.Inner, "city").
		Filter(frame.Col("fare").Eq(frame.Col("best"))).
		Select("city", "day", "fare").Sort(frame.Desc("fare")))
	// Output:
	// city day fare
	// Oslo 2024-05-01 120.5
	// Bergen 2024-05-01 80
}

// Leaving the loop stops the work.
func ExampleFrame_Iterate() {
	path, remove := trips()
	defer remove()
	engine := local.New(local.Options{})
	defer engine.Close()
	for rec, err := range frame.ReadCSV(path).Select("city").Iterate(context.Background(), engine) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(rec.Column(0).ValueStr(0))
		break
	}
	// Output: Oslo
}

// A mistake is known before anything runs, and where it was made.
func ExampleFrame_Err() {
	path, remove := trips()
	defer remove()
	f := frame.ReadCSV(path).Filter(frame.Col("fair").Gt(3)).Head(1)
	fmt.Println(f.Err())
	// Output: example_test.go:120: Filter: expr: no column "fair"; nearest: "fare"
}

// The zero value of the options finds out everything it can; what it finds can be
// overruled.
func ExampleReadCSVWith() {
	path, remove := trips()
	defer remove()
	o := frame.CSVOptions{Types: map[string]dtype.Type{"tip": dtype.Of(dtype.Float32)}, Nulls: []string{"Oslo"}}
	show(frame.ReadCSVWith(o, path).Select("city", frame.Col("tip").Div(4).As("quarter")).Head(2))
	// Output:
	// city quarter
	// null 2.5
	// Bergen null
}
