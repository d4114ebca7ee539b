package array_test

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/weft-data/weft/array"
	"github.com/weft-data/weft/sched/local"
)

// Two years of a field (time, level, latitude, longitude) with gaps: means of months, what is left without them, running
// means, percentiles, warm days, a mean by area, and a copy that is cut for reading along time.
func Example_climate() {
	ctx, r := context.Background(), local.New(local.Options{Memory: 256 << 20})
	defer r.Close()
	folder, err := os.MkdirTemp("", "weft")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(folder)

	// A store as others leave it: a chunk for each month and level.
	const days, levels, lats, lons = 730, 2, 18, 36
	day := array.Arange(0.0, days, 1.0, array.Chunks(30)).Reshape(days, 1, 1, 1)
	south := array.Linspace(-85, 85, lats).Radians().Reshape(lats, 1)
	field := day.Sub(100).Mul(2 * math.Pi / 365).Sin().Mul(south.Sin()).Mul(10).Add(south.Cos().Mul(25)).
		BroadcastTo([]int{days, levels, lats, lons}).As(array.Float32)
	gaps := array.Random(1).Uniform(0, 1, []int{days, levels, lats, lons}, array.Chunks(30, 1, -1, -1)).Lt(0.01)
	store := filepath.Join(folder, "field.zarr")
	err = array.Where(gaps, float32(math.NaN()), field).WriteZarr(ctx, r, store, array.ZarrOptions{Chunks: []int{30, 1, lats, lons}})
	if err != nil {
		fmt.Println(err)
		return
	}
	x := array.ReadZarr(store) // only its metadata is read now

	// The days of each month, and the month of each day.
	months, monthOf := make([][]int, 12), make([]int, days)
	for i := range days {
		m := time.Date(2001, 1, 1+i, 0, 0, 0, 0, time.UTC).Month() - 1
		months[m], monthOf[i] = append(months[m], i), int(m)
	}
	means := make([]*array.Array, 12)
	for m, of := range months {
		means[m] = x.Take(of, 0).NanMean(0)
	}
	climate := array.Stack(0, means...)
	anomaly := x.Sub(climate.Take(monthOf, 0))

	month := x.SlidingWindow(30, 0).NanMean(-1).Max(0) // the warmest 30 days in a row
	high := x.NanPercentile(90, 0)                     // exact, along all of the time
	warm := x.Gt(15).Sum(0)                            // days
	area := south.Cos()                                // NaN counts neither above nor below
	mean := x.Mul(area).NanSum(2, 3).Div(x.IsNaN().Not().As(array.Float64).Mul(area).Sum(2, 3))

	at := func(y *array.Array) *array.Array { return y.Slice("0, 15, 7").As(array.Float64) }
	v, err := array.Collect[float64](ctx, r, array.Stack(0,
		at(climate.Slice("0")), at(climate.Slice("6")), at(month), at(high), at(warm), mean.Slice("200, 0").As(array.Float64), anomaly.NanStd(0).As(array.Float64)))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("January %.1f, July %.1f, warmest 30 days %.1f, a tenth above %.1f, %v days above 15; by area on day 200: %.1f; anomalies: %.2f\n",
		v[0], v[1], v[2], v[3], v[4], v[5], v[6])

	// Anomalies for reading along time: all days of a few points in a chunk.
	series := filepath.Join(folder, "series.zarr")
	err = anomaly.WriteZarr(ctx, r, series, array.ZarrOptions{Chunks: []int{days, 1, 6, 6}})
	fmt.Println(array.ReadZarr(series), err)
	// Output:
	// January 1.7, July 19.5, warmest 30 days 19.5, a tenth above 19.2, 245 days above 15; by area on day 200: 19.6; anomalies: 0.75
	// array (730, 2, 18, 36) float32, 3.609 MiB, chunks ((730),(2),(18),(36)), 1 tasks <nil>
}
