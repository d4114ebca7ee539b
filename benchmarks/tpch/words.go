package tpch

import (
	"strconv"
	"strings"
)

// weighted reads lines of "weight: word, word, …".
func weighted(text string) *alphabet {
	a := &alphabet{}
	for line := range strings.Lines(strings.TrimSpace(text)) {
		weight, words, _ := strings.Cut(strings.TrimSpace(line), ": ")
		n, err := strconv.Atoi(weight)
		if err != nil {
			panic("tpch: a list of words: " + err.Error())
		}
		for word := range strings.SplitSeq(words, ", ") {
			for range n {
				a.by = append(a.by, int32(len(a.words)))
			}
			a.words = append(a.words, word)
		}
	}
	return a
}

// evenly makes words of equal weight: all that begin with a part of the first list, go
// on with one of the second and so on, the last part changing fastest.
func evenly(parts ...string) *alphabet {
	words := strings.Split(parts[0], ", ")
	for _, more := range parts[1:] {
		var longer []string
		for _, w := range words {
			for part := range strings.SplitSeq(more, ", ") {
				longer = append(longer, w+" "+part)
			}
		}
		words = longer
	}
	a := &alphabet{words: words}
	for i := range words {
		a.by = append(a.by, int32(i))
	}
	return a
}

// The lists of clause 4.2.2.13.
var (
	partTypes = evenly("STANDARD, SMALL, MEDIUM, LARGE, ECONOMY, PROMO", "ANODIZED, BURNISHED, PLATED, POLISHED, BRUSHED",
		"TIN, NICKEL, BRASS, STEEL, COPPER")
	containers   = evenly("SM, LG, MED, JUMBO, WRAP", "CASE, BOX, BAG, JAR, PACK, PKG, CAN, DRUM")
	segments     = evenly("AUTOMOBILE, BUILDING, FURNITURE, HOUSEHOLD, MACHINERY")
	priorities   = evenly("1-URGENT, 2-HIGH, 3-MEDIUM, 4-NOT SPECIFIED, 5-LOW")
	instructions = evenly("DELIVER IN PERSON, COLLECT COD, TAKE BACK RETURN, NONE")
	modes        = evenly("REG AIR, AIR, RAIL, TRUCK, MAIL, FOB, SHIP")
	flags        = evenly("R, A")
	regions      = evenly("AFRICA, AMERICA, ASIA, EUROPE, MIDDLE EAST")
	colors       = evenly("almond, antique, aquamarine, azure, beige, bisque, black, blanched, blue, blush, brown, burlywood, burnished, " +
		"chartreuse, chiffon, chocolate, coral, cornflower, cornsilk, cream, cyan, dark, deep, dim, dodger, drab, firebrick, " +
		"floral, forest, frosted, gainsboro, ghost, goldenrod, green, grey, honeydew, hot, indian, ivory, khaki, lace, " +
		"lavender, lawn, lemon, light, lime, linen, magenta, maroon, medium, metallic, midnight, mint, misty, moccasin, " +
		"navajo, navy, olive, orange, orchid, pale, papaya, peach, peru, pink, plum, powder, puff, purple, red, rose, rosy, " +
		"royal, saddle, salmon, sandy, seashell, sienna, sky, slate, smoke, snow, spring, steel, tan, thistle, tomato, " +
		"turquoise, violet, wheat, white, yellow")
	nations = evenly("ALGERIA, ARGENTINA, BRAZIL, CANADA, EGYPT, ETHIOPIA, FRANCE, GERMANY, INDIA, INDONESIA, IRAN, IRAQ, JAPAN, JORDAN, " +
		"KENYA, MOROCCO, MOZAMBIQUE, PERU, CHINA, ROMANIA, SAUDI ARABIA, VIETNAM, RUSSIA, UNITED KINGDOM, UNITED STATES")
)

// regionOf is the region of each nation.
var regionOf = [...]int64{0, 1, 1, 1, 4, 0, 3, 3, 2, 2, 4, 4, 2, 4, 0, 0, 0, 1, 2, 3, 4, 2, 3, 3, 1}

// The words of clause 4.2.2.14, and what sentences are made of: noun phrases N, verb
// phrases V, prepositional phrases P and a terminator T.
var (
	grammar = weighted(`
3: N V T, N V P T, N V N T
1: N P V N T, N P V P T`)
	nounPhrase = weighted(`
10: N
20: J N
10: J,J N
50: D J N`)
	verbPhrase = weighted(`
30: V
1: X V
40: V D
1: X V D`)
	nouns = weighted(`
40: packages, requests, accounts, deposits
20: foxes, ideas, theodolites, pinto beans, instructions
10: dependencies, excuses, platelets, asymptotes
5: courts, dolphins
1: multipliers, sauternes, warthogs, frets, dinos, attainments, somas, Tiresias, patterns, forges, braids, frays
1: warhorses, dugouts, notornis, epitaphs, pearls, tithes, waters, orbits, gifts, sheaves, depths, sentiments, decoys
1: realms, pains, grouches, escapades, hockey players`)
	verbs = weighted(`
20: sleep, wake, are, cajole, haggle
10: nag, use, boost
5: affix, detect, integrate
1: maintain, nod, was, lose, sublate, solve, thrash, promise, engage, hinder, print, x-ray, breach, eat, grow
1: impress, mold, poach, serve, run, dazzle, snooze, doze, unwind, kindle, play, hang, believe, doubt`)
	adjectives = weighted(`
20: special, pending, unusual, express
1: furious, sly, careful, blithe, quick, fluffy, slow, quiet, ruthless, thin, close, dogged, daring, brave, stealthy
1: permanent, enticing, idle, busy
50: regular
40: final, ironic
30: even
20: bold
10: silent`)
	adverbs = weighted(`
1: sometimes, always, never
50: furiously, slyly, carefully
40: blithely
30: quickly
20: fluffily
1: slowly, quietly, ruthlessly, thinly, closely, doggedly, daringly, bravely, stealthily, permanently, enticingly
1: idly, busily, regularly, finally, ironically, evenly, boldly, silently`)
	prepositions = weighted(`
50: about, above, according to, across, after
40: against, along
30: alongside of, among
20: around
10: at
1: atop, before, behind, beneath, beside, besides, between, beyond, by, despite, during, except, for, from
1: in place of, inside, instead of, into, near, of, on, outside, over, past, since, through, throughout, to, toward
1: under, until, up, upon, whithout, with, within`)
	auxiliaries = weighted(`
1: do, may, might, shall, will, would, can, could, should, ought to, must, will have to, shall have to, could have to
1: should have to, must have to, need to, try to`)
	terminators = weighted(`
50: .
1: ;, :, ?, !, --`)
)
