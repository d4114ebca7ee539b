// Package s3 lets package store read and write s3:// URLs: Amazon S3 and what speaks its protocol. Credentials and
// region come from the environment as for Amazon's own tools, or from the URL, see gocloud.dev/blob/s3blob.
package s3

import (
	_ "gocloud.dev/blob/s3blob" // the buckets themselves

	"github.com/weft-data/weft/store/bucket"
)

func init() { bucket.Register("s3") }
