//go:build clouds

// The tag is for object stores: their libraries make the program half as large again, and take 3 MB of memory before
// it begins, which a budget of 64 MiB does not have.

package main

import _ "github.com/weft-data/weft/store/cloud" // s3://, gs:// and azblob://
