//! Input of a size that nobody has: the right answer, or one line that says why there is none,
//! within memory that grows as the input does. What takes the square of it does not fit.

mod child;
mod inputs;
mod records;
mod secrets;
mod streams;

use child::{sized, sized_in};
