package script

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

const fence = "----"

// Script is a parsed file. String writes it back; only the expected outputs can differ from what was read.
type Script struct {
	Stanzas []*Stanza
	tail    string // comments after the last stanza
}

// Parse reads a script; name is for positions. Line ends may be those of Windows.
// Errors: a command without a fence, a double fence that is not closed, a misspelt command line.
func Parse(name, text string) (*Script, error) {
	p := parser{name: name}
	if text != "" {
		p.lines = strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	}
	for i, l := range p.lines {
		p.lines[i] = strings.TrimRight(l, "\r")
	}
	s := &Script{}
	for {
		raw := p.between()
		if p.done() {
			s.tail = raw
			return s, nil
		}
		d, err := p.stanza(raw)
		if err != nil {
			return nil, err
		}
		s.Stanzas = append(s.Stanzas, d)
	}
}

type parser struct {
	name  string
	lines []string
	n     int // lines read
}

func (p *parser) done() bool { return p.n >= len(p.lines) }

func (p *parser) next() string {
	p.n++
	return p.lines[p.n-1]
}

func (p *parser) pos() string { return fmt.Sprintf("%s:%d", p.name, p.n) }

// between reads comments and blank lines.
func (p *parser) between() string {
	start := p.n
	for !p.done() && (blank(p.lines[p.n]) || strings.HasPrefix(p.lines[p.n], "#")) {
		p.n++
	}
	return join(p.lines[start:p.n])
}

func (p *parser) stanza(raw string) (*Stanza, error) {
	start := p.n
	command := p.next()
	d := &Stanza{Pos: p.pos()}
	for strings.HasSuffix(command, `\`) && !p.done() {
		command = strings.TrimSuffix(command, `\`) + " " + p.next()
	}
	if err := d.command(command); err != nil {
		return nil, fmt.Errorf("%s: %w", d.Pos, err)
	}
	input := p.n
	for {
		if p.done() {
			return nil, fmt.Errorf("%s: %s: no line %s after the command", d.Pos, d.Cmd, fence)
		}
		if p.next() == fence {
			break
		}
	}
	d.Input = join(p.lines[input : p.n-1])
	d.raw = raw + join(p.lines[start:p.n-1])
	if err := p.want(d); err != nil {
		return nil, err
	}
	if !p.done() && blank(p.lines[p.n]) {
		p.n++
	}
	return d, nil
}

// want reads the expected output behind the first fence.
func (p *parser) want(d *Stanza) error {
	start := p.n
	if p.done() || p.lines[p.n] != fence {
		for !p.done() && !blank(p.lines[p.n]) {
			p.n++
		}
		d.Want = join(p.lines[start:p.n])
		return nil
	}
	for p.n += 2; p.n < len(p.lines); p.n++ {
		if p.lines[p.n-1] == fence && p.lines[p.n] == fence {
			d.Want = join(p.lines[start+1 : p.n-1])
			p.n++
			return nil
		}
	}
	return fmt.Errorf("%s: %s: the double fence is not closed", d.Pos, d.Cmd)
}

// command splits a command line into d.Cmd and d.args.
func (d *Stanza) command(line string) error {
	words, err := split(line)
	if err != nil {
		return err
	}
	if len(words) == 0 || words[0].key != "" || words[0].val == fence {
		return fmt.Errorf("a command starts with its name, not %q", line)
	}
	d.Cmd, d.args = words[0].val, words[1:]
	return nil
}

func split(line string) ([]arg, error) {
	var out []arg
	for {
		line = strings.TrimLeftFunc(line, unicode.IsSpace)
		if line == "" {
			return out, nil
		}
		var a arg
		if i := strings.IndexFunc(line, func(r rune) bool { return r == '=' || r == '"' || unicode.IsSpace(r) }); i > 0 && line[i] == '=' {
			a.key, line = line[:i], line[i+1:]
		}
		if strings.HasPrefix(line, `"`) {
			q, err := strconv.QuotedPrefix(line)
			if err != nil {
				return nil, fmt.Errorf("bad quotes at %s", line)
			}
			line = line[len(q):]
			if line != "" && !strings.ContainsRune(" \t", rune(line[0])) {
				return nil, fmt.Errorf("no space after %s", q)
			}
			if a.val, err = strconv.Unquote(q); err != nil {
				return nil, err
			}
		} else {
			i := strings.IndexFunc(line, unicode.IsSpace)
			if i < 0 {
				i = len(line)
			}
			a.val, line = line[:i], line[i:]
		}
		out = append(out, a)
	}
}

// String returns the text of the script with the present expected outputs.
func (s *Script) String() string {
	var w strings.Builder
	for _, d := range s.Stanzas {
		w.WriteString(d.raw)
		w.WriteString(fence + "\n")
		if needsDouble(d.Want) {
			w.WriteString(fence + "\n" + d.Want + fence + "\n" + fence + "\n")
		} else {
			w.WriteString(d.Want)
		}
		w.WriteString("\n")
	}
	w.WriteString(s.tail)
	if out := strings.TrimRight(w.String(), "\n"); out != "" {
		return out + "\n"
	}
	return ""
}

// writable reports whether out can be read back after it was written.
func writable(out string) bool {
	written := (&Script{Stanzas: []*Stanza{{raw: "x\n", Want: out}}}).String()
	s, err := Parse("", written)
	return err == nil && len(s.Stanzas) == 1 && s.Stanzas[0].Want == out
}

// needsDouble reports whether out cannot stand behind a single fence.
func needsDouble(out string) bool {
	if out == "" {
		return false
	}
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	for _, l := range lines {
		if blank(l) {
			return true
		}
	}
	return lines[0] == fence
}

func blank(line string) bool { return strings.TrimSpace(line) == "" }

func join(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	return strings.Join(lines, "\n") + "\n"
}
