// Package gs lets package store read and write gs:// URLs: Google Cloud Storage. Credentials come from the
// environment as for Google's own tools, see gocloud.dev/blob/gcsblob.
package gs

import (
	_ "gocloud.dev/blob/gcsblob" // the buckets themselves

	"github.com/weft-data/weft/store/bucket"
)

func init() { bucket.Register("gs") }
