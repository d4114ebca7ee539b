package expr

// Title is upper case for the first letter of every word.
func (t Text) Title() Expr { return call("str.title", t.e) }

// Reverse has the characters in the other order.
func (t Text) Reverse() Expr { return call("str.reverse", t.e) }

// Strip is without any of the characters at both ends.
func (t Text) Strip(chars any) Expr { return call("str.strip", t.e, chars) }

// StripLeft is without any of the characters at the start.
func (t Text) StripLeft(chars any) Expr { return call("str.strip_left", t.e, chars) }

// StripRight is without any of the characters at the end.
func (t Text) StripRight(chars any) Expr { return call("str.strip_right", t.e, chars) }

// StripPrefix is without prefix at the start, if it is there.
func (t Text) StripPrefix(prefix any) Expr { return call("str.strip_prefix", t.e, prefix) }

// StripSuffix is without suffix at the end, if it is there.
func (t Text) StripSuffix(suffix any) Expr { return call("str.strip_suffix", t.e, suffix) }

// Translate replaces every character of from by the one at its place in to.
func (t Text) Translate(from, to string) Expr { return call("str.translate", t.e, from, to) }

// Left is the first n characters; all but the last -n when n is negative.
func (t Text) Left(n any) Expr { return call("str.left", t.e, n) }

// Right is the last n characters; all but the first -n when n is negative.
func (t Text) Right(n any) Expr { return call("str.right", t.e, n) }

// Split is the list of parts between each sep; of the characters when sep is empty.
func (t Text) Split(sep any) Expr { return call("str.split", t.e, sep) }

// Count counts sub without overlapping.
func (t Text) Count(sub any) Expr { return call("str.count", t.e, sub) }

// ILike is Like with letters in either case.
func (t Text) ILike(pattern string) Expr { return call("str.ilike", t.e, pattern) }

// Extract is what a group of the constant RE2 expression (0: all of it) has in the first match, or null.
func (t Text) Extract(re string, group int) Expr { return call("str.extract", t.e, re, group) }

// ExtractAll is the list of all matches of the constant RE2 expression.
func (t Text) ExtractAll(re string) Expr { return call("str.extract_all", t.e, re) }

// ReplaceRe replaces every match of the constant RE2 expression; $1 in new is a group.
func (t Text) ReplaceRe(re, new string) Expr { return call("str.replace_re", t.e, re, new) }

// CountRe counts the matches of the constant RE2 expression.
func (t Text) CountRe(re string) Expr { return call("str.count_re", t.e, re) }

// Levenshtein is the least number of characters to insert, delete or replace.
func (t Text) Levenshtein(other any) Expr { return call("str.levenshtein", t.e, other) }

// JaroWinkler is the similarity from 0 to 1.
func (t Text) JaroWinkler(other any) Expr { return call("str.jaro_winkler", t.e, other) }

// Ord is the code point of the first character.
func (t Text) Ord() Expr { return call("str.ord", t.e) }

// ToInt reads an integer in a base of 2 to 36; null when it is none.
func (t Text) ToInt(base int) Expr { return call("str.to_int", t.e, base) }

// ConcatWS joins the texts that are not null with sep between them.
func ConcatWS(sep any, vs ...any) Expr { return call("str.concat_ws", append([]any{sep}, vs...)...) }

// Raw is the functions of bytes; see Expr.Bin.
type Raw struct{ e Expr }

// Bin gives the functions of bytes, also those of text.
func (e Expr) Bin() Raw { return Raw{e} }

// Hex is the bytes as hexadecimal digits.
func (b Raw) Hex() Expr { return call("bytes.hex", b.e) }

// Base64 is the bytes in base64.
func (b Raw) Base64() Expr { return call("bytes.base64", b.e) }

// FromHex reads hexadecimal digits; null when it is something else.
func (b Raw) FromHex() Expr { return call("bytes.from_hex", b.e) }

// FromBase64 reads base64; null when it is something else.
func (b Raw) FromBase64() Expr { return call("bytes.from_base64", b.e) }

// SHA256 is the SHA-256 in hexadecimal digits.
func (b Raw) SHA256() Expr { return call("bytes.sha256", b.e) }

// MD5 is the MD5 in hexadecimal digits.
func (b Raw) MD5() Expr { return call("bytes.md5", b.e) }

// Slice is n bytes from position start on; a negative start counts from the end.
func (b Raw) Slice(start, n any) Expr { return call("bytes.slice", b.e, start, n) }

// Get is byte i, from 0, or from the end when i is negative; null beyond.
func (b Raw) Get(i any) Expr { return call("bytes.get", b.e, i) }
