package spill

// Path is the folder of the files.
func (d *Dir) Path() string { return d.path }

// MaxDicts bounds Dicts.
const MaxDicts = maxDicts

// Dicts returns the bytes of dictionaries that files keep in memory.
func (d *Dir) Dicts() int64 { return d.dicts.Load() }
