"""How long the program takes, and how that grows: ``python -m benchmarks``.

Run it from the root of the repository, with nothing else running. It prints, for each task, the
median and minimum of several runs in seconds and the ratio of its median to that of the task's
first row:

- **panel**: a directory of files to a panel, with 1, 2 and 4 times the coins;
- **simulation**: first passages of one as_of day and of nine, 1,000 paths each;
- **interval**: a skill interval over 450, 900 and 1,800 weekly forecasts;
- **outlook**: 10,000 paths of seasons over 730 days, the answers of a year from them, and the two
  with the fit of the process to the index before;
- **predict**: the whole process of `predict.py` from a cold start, beside a Python that only
  imports what it cannot do without (MLflow, pandas, scikit-learn's linear models), in turn;
- **training**: the default training on the embedded history.

``python -m benchmarks.sweep`` times the default sweep and writes what it says into docs/sweep.md.

The market of the first two is drawn at random; ``--data-dir DIR`` takes a real one, in the layout
of ``--source files``. ``--only NAME`` picks tasks, ``--repeat N`` sets the runs, ``--json`` prints
the schema `altseason.benchmarks/1`. A figure is worth something beside another of the same machine
and minute only: compare ratios, and repeat before you believe a difference below 10 %.
"""
