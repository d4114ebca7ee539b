package main

import _ "github.com/weft-data/weft/store/web" // http:// and https://
