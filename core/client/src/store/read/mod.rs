//! Reading: the rows that views are made of, one file per noun.
