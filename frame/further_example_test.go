package frame_test

import (
	"context"
	"fmt"
	"log"
	"strings"

	"github.com/weft-data/weft/frame"
	"github.com/weft-data/weft/op"
	"github.com/weft-data/weft/sched/local"
)

func ExampleFrame_Window() {
	path, remove := trips()
	defer remove()
	f := frame.ReadCSV(path).Window(frame.Over{By: []string{"city"}, Order: []any{"day"}},
		frame.RowNumber().As("trip"),
		frame.Sum("fare").Running().As("so far"),
		frame.Lag("fare", 1).As("before"))
	show(f.Select("city", "trip", "fare", "so far", "before"))
	// Output:
	// city trip fare so far before
	// Bergen 1 80 80 null
	// Bergen 2 64.25 144.25 80
	// Oslo 1 120.5 120.5 null
	// Oslo 2 95 215.5 120.5
	// Tromsø 1 null null null
}

func ExampleFrame_JoinAsOf() {
	type price struct {
		Day  int64   `weft:"day"`
		Fuel float64 `weft:"fuel"`
	}
	type trip struct {
		Name string `weft:"name"`
		Day  int64  `weft:"day"`
	}
	trips := frame.FromStructs([]trip{{"a", 3}, {"b", 1}, {"c", 9}})
	prices := frame.FromStructs([]price{{2, 1.9}, {5, 2.1}, {8, 2.0}})
	show(trips.JoinAsOf(prices, frame.AsOf{On: "day", Suffix: "_of_price"}))
	// Output:
	// name day day_of_price fuel
	// b 1 null null
	// a 3 2 1.9
	// c 9 8 2
}

func ExampleFrame_Pivot() {
	path, remove := trips()
	defer remove()
	f := frame.ReadCSV(path).Pivot(frame.Pivoted{Index: []any{"day"}, Column: "city", Values: []any{"Oslo", "Bergen"}, Agg: frame.Sum("fare")})
	show(f.Sort("day"))
	// Output:
	// day Oslo Bergen
	// 2024-05-01 120.5 80
	// 2024-05-02 95 null
	// 2024-05-03 null 64.25
}

func ExampleDecode() {
	type trip struct {
		City string   `weft:"city"`
		Fare *float64 `weft:"fare"` // may be null
	}
	path, remove := trips()
	defer remove()
	engine := local.New(local.Options{})
	defer engine.Close()
	list, err := frame.Decode[trip](context.Background(), engine, frame.ReadCSV(path))
	if err != nil {
		log.Fatal(err)
	}
	for _, t := range list {
		if t.Fare != nil {
			fmt.Println(t.City, *t.Fare)
		}
	}
	// Output:
	// Oslo 120.5
	// Bergen 80
	// Oslo 95
	// Bergen 64.25
}

type place struct {
	City string `weft:"city"`
}

type initial struct {
	City  string `weft:"city"`
	First string `weft:"first"`
}

// A registered function runs wherever the program does.
var first = op.Func("frame_test/first", func(_ context.Context, p place) (initial, error) {
	return initial{p.City, strings.ToLower(p.City[:1])}, nil
})

func ExampleMapRows() {
	path, remove := trips()
	defer remove()
	show(frame.MapRows(frame.ReadCSV(path), first).Distinct().Sort("city"))
	// Output:
	// city first
	// Bergen b
	// Oslo o
	// Tromsø t
}

func ExampleGrouped_Agg() {
	path, remove := trips()
	defer remove()
	f := frame.ReadCSV(path).GroupBy("city").Agg(
		frame.List("fare").As("fares"),
		frame.Quantile("fare", 0.25).As("quarter"),
		frame.ArgMax("day", "fare").As("dearest"),
		frame.ApproxCountDistinct("day").As("days"))
	show(f.Sort("city"))
	// Output:
	// city fares quarter dearest days
	// Bergen [80, 64.25] 68.1875 2024-05-01 2
	// Oslo [120.5, 95] 101.375 2024-05-01 2
	// Tromsø [null] null null 1
}

func ExampleFrame_JoinOn() {
	type visit struct {
		Who string `weft:"who"`
		At  int64  `weft:"at"`
	}
	type shift struct {
		Guard string `weft:"guard"`
		From  int64  `weft:"from"`
		To    int64  `weft:"to"`
	}
	visits := frame.FromStructs([]visit{{"Ann", 3}, {"Bob", 8}, {"Cyd", 14}})
	shifts := frame.FromStructs([]shift{{"Max", 0, 6}, {"Eve", 6, 12}})
	// Rows that meet a condition, without any equal key.
	f := visits.JoinOn(shifts, frame.JoinOn{Kind: frame.Left,
		Where: frame.Col("at").Ge(frame.Col("from")).And(frame.Col("at").Lt(frame.Col("to")))})
	show(f.Select("who", "guard").Sort("who"))
	// Output:
	// who guard
	// Ann Max
	// Bob Eve
	// Cyd null
}

func ExampleFrame_Resample() {
	path, remove := trips()
	defer remove()
	f := frame.ReadCSV(path).Filter(frame.Col("city").Ne("Tromsø")).
		Resample(frame.Resampled{On: "day", Every: "day", By: []string{"city"}, Fill: frame.FillGiven, Value: 0.0}, frame.Sum("fare"))
	show(f)
	// Output:
	// day city fare
	// 2024-05-01 Bergen 80
	// 2024-05-02 Bergen 0
	// 2024-05-03 Bergen 64.25
	// 2024-05-01 Oslo 120.5
	// 2024-05-02 Oslo 95
}
