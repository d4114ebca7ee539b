package array

import "fmt"

// Some is its first input, of which the second one, of int64, says for each element
// how many elements it was made of: where that is none there is no answer, and the
// run fails.
var Some = define("array.some", "elements that were made of at least one", procedure{
	run: func(c *Call) error {
		for _, n := range values[int64](c.In[1]) {
			if n == 0 {
				return fmt.Errorf("array: zero-size array: nothing was selected, of which there is no least or greatest element")
			}
		}
		copy(c.Out[0].Data, c.In[0].Data)
		return nil
	},
})
