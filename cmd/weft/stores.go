package main

import (
	_ "github.com/weft-data/weft/store/s3"  // s3://
	_ "github.com/weft-data/weft/store/web" // http:// and https://
)
