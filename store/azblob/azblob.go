// Package azblob lets package store read and write azblob:// URLs: containers of Azure Blob Storage. The account and
// credentials come from the environment (AZURE_STORAGE_ACCOUNT and others), see gocloud.dev/blob/azureblob.
package azblob

import (
	_ "gocloud.dev/blob/azureblob" // the buckets themselves

	"github.com/weft-data/weft/store/bucket"
)

func init() { bucket.Register("azblob") }
