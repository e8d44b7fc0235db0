"""From records to what people read.

Records become a DataFrame (`dataframe`); their estimates are compared (`latency_ratio`, `bootstrap`) and become tables
(`tables`), figures (`figures`), verdicts (`verdicts`), comparisons of several sets (`comparison`) and one HTML page
(`html`). Nothing here measures.
"""
