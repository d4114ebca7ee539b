// Command quickstart is the program of the README: files in, a small table out.
package main

import (
	"context"
	"fmt"
	"log"

	"github.com/weft-data/weft/frame"
	"github.com/weft-data/weft/sched/local"
)

func main() {
	engine := local.New(local.Options{Memory: 256 << 20}) // the budget of the process in bytes
	defer engine.Close()
	top, err := frame.ReadCSV("examples/quickstart/trips-*.csv").
		Filter(frame.Col("fare").Gt(0)).
		GroupBy("city").Agg(frame.Sum("fare"), frame.Count().As("trips")).
		TopK(3, frame.Desc("fare")).
		Collect(context.Background(), engine)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(top)
}
