"""The report of an experiment: from outcomes to numbers, sentences, a table and one HTML file."""
