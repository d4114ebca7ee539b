// Package cloud lets package store read and write in all places that there are drivers for: s3://, gs://, azblob://,
// and read http:// and https://. It is imported for its effect. Programs that need one of them import its package
// alone (store/s3, store/gs, store/azblob, store/web) and stay much smaller.
package cloud

import (
	_ "github.com/weft-data/weft/store/azblob" // azblob://
	_ "github.com/weft-data/weft/store/gs"     // gs://
	_ "github.com/weft-data/weft/store/s3"     // s3://
	_ "github.com/weft-data/weft/store/web"    // http:// and https://
)
