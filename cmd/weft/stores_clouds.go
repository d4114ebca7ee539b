//go:build clouds

// The tag is for gs:// and azblob://, whose libraries make the program half as large again.

package main

import (
	_ "github.com/weft-data/weft/store/azblob" // azblob://
	_ "github.com/weft-data/weft/store/gs"     // gs://
)
