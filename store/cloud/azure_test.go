package cloud_test

import (
	"bytes"
	"encoding/xml"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// An azure serves one container of Azure Blob Storage: what the driver asks of it, as the REST API describes it.
type azure struct {
	mu     sync.Mutex
	blobs  map[string][]byte
	blocks map[string][]byte // not committed, by blob and id
	at     time.Time         // all were written at
}

// newAzure serves the container "data" of the account "x".
func newAzure(t *testing.T) *httptest.Server {
	s := httptest.NewServer(&azure{blobs: map[string][]byte{}, blocks: map[string][]byte{}, at: time.Now()})
	t.Cleanup(s.Close)
	return s
}

// ServeHTTP implements http.Handler.
func (a *azure) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	container, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/x/"), "/")
	q := r.URL.Query()
	switch {
	case container != "data":
		refuse(w, http.StatusNotFound, "ContainerNotFound")
	case key == "":
		a.list(w, q.Get("prefix"))
	case r.Method == http.MethodPut:
		a.put(w, r, key, q.Get("comp"), q.Get("blockid"))
	case a.blobs[key] == nil:
		refuse(w, http.StatusNotFound, "BlobNotFound")
	case r.Method == http.MethodDelete:
		delete(a.blobs, key)
		w.WriteHeader(http.StatusAccepted)
	default:
		w.Header().Set("ETag", `"0"`)
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set("x-ms-blob-type", "BlockBlob")
		w.Header().Set("x-ms-creation-time", a.at.UTC().Format(http.TimeFormat))
		if s := r.Header.Get("x-ms-range"); s != "" {
			r.Header.Set("Range", s)
		}
		http.ServeContent(w, r, "", a.at, bytes.NewReader(a.blobs[key]))
	}
}

func refuse(w http.ResponseWriter, status int, code string) {
	w.Header().Set("x-ms-error-code", code)
	w.WriteHeader(status)
}

// list answers with the blobs that begin with a prefix.
func (a *azure) list(w http.ResponseWriter, prefix string) {
	type properties struct {
		LastModified  string `xml:"Last-Modified"`
		CreationTime  string `xml:"Creation-Time"`
		Etag          string
		ContentLength int `xml:"Content-Length"`
		BlobType      string
	}
	type blob struct {
		Name       string
		Properties properties
	}
	var out struct {
		XMLName    xml.Name `xml:"EnumerationResults"`
		Blobs      []blob   `xml:"Blobs>Blob"`
		NextMarker string
	}
	when := a.at.UTC().Format(http.TimeFormat)
	for key, b := range a.blobs {
		if strings.HasPrefix(key, prefix) {
			out.Blobs = append(out.Blobs, blob{key, properties{when, when, "0", len(b), "BlockBlob"}})
		}
	}
	slices.SortFunc(out.Blobs, func(x, y blob) int { return strings.Compare(x.Name, y.Name) })
	w.Header().Set("Content-Type", "application/xml")
	_ = xml.NewEncoder(w).Encode(out)
}

// put takes a blob, a block of one, or the list of the blocks it is made of.
func (a *azure) put(w http.ResponseWriter, r *http.Request, key, comp, id string) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		refuse(w, http.StatusBadRequest, "IncompleteBody")
		return
	}
	switch comp {
	case "block":
		a.blocks[key+" "+id] = body
	case "blocklist":
		var list struct{ Latest []string }
		if err := xml.Unmarshal(body, &list); err != nil {
			refuse(w, http.StatusBadRequest, "InvalidXmlDocument")
			return
		}
		a.blobs[key] = []byte{}
		for _, id := range list.Latest {
			a.blobs[key] = append(a.blobs[key], a.blocks[key+" "+id]...)
		}
	default:
		a.blobs[key] = body
	}
	w.WriteHeader(http.StatusCreated)
}
