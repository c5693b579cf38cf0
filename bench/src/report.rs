//! One table per question, the same as JSON.

use std::io::Write as _;
use std::path::Path;

use anyhow::Result;
use serde::Serialize;

use crate::stats::Samples;

/// One measured subject of one question.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    /// What was measured.
    pub subject: String,
    /// Number of samples.
    pub samples: usize,
    /// Median, in the question's unit.
    pub median: f64,
    /// 99th percentile, in the question's unit; for rates and sizes the same as the median.
    pub p99: f64,
    /// Median divided by the median of the question's reference row.
    pub ratio: f64,
}

/// One question and its answers.
#[derive(Debug, Serialize)]
pub(crate) struct Question {
    /// The question.
    pub title: String,
    /// Unit of the values.
    pub unit: &'static str,
    /// The row the ratios refer to.
    pub reference: String,
    /// Rows.
    pub rows: Vec<Row>,
    /// What one must know to read it.
    pub notes: Vec<String>,
}

impl Question {
    /// A question without answers yet.
    pub(crate) fn new(title: &str, unit: &'static str, reference: &str) -> Self {
        Self { title: title.to_owned(), unit, reference: reference.to_owned(), rows: Vec::new(), notes: Vec::new() }
    }

    /// Adds durations; the question's unit is `ms` or `us`.
    pub(crate) fn durations(&mut self, subject: &str, samples: &Samples) {
        let scale = if self.unit == "ms" { 1e-3 } else { 1.0 };
        self.row(subject, samples.count(), samples.median_us() * scale, samples.p99_us() * scale);
    }

    /// Adds one value.
    pub(crate) fn value(&mut self, subject: &str, samples: usize, value: f64) {
        self.row(subject, samples, value, value);
    }

    /// Adds a remark.
    pub(crate) fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }

    fn row(&mut self, subject: &str, samples: usize, median: f64, p99: f64) {
        self.rows.push(Row { subject: subject.to_owned(), samples, median, p99, ratio: f64::NAN });
    }

    fn settle(&mut self) {
        let reference = self.rows.iter().find(|row| row.subject == self.reference).map_or(f64::NAN, |row| row.median);
        for row in &mut self.rows {
            row.ratio = row.median / reference;
        }
    }
}

/// Prints the tables and writes `bench/out/results.json`.
pub(crate) fn finish(mut questions: Vec<Question>, machine: &str, out: &Path) -> Result<()> {
    let mut text = format!("\nMachine: {machine}\n");
    for question in &mut questions {
        question.settle();
        let mut table = comfy_table::Table::new();
        table.load_style(comfy_table::presets::ASCII_MARKDOWN);
        table.set_header(["", "samples", "median", "p99", "ratio"]);
        for row in &question.rows {
            let figure = |value: f64| if value >= 100.0 { format!("{value:.0}") } else { format!("{value:.2}") };
            table.add_row([
                row.subject.clone(),
                row.samples.to_string(),
                figure(row.median),
                figure(row.p99),
                format!("{:.2}", row.ratio),
            ]);
        }
        text.push_str(&format!("\n### {} ({})\n\n{table}\n", question.title, question.unit));
        for note in &question.notes {
            text.push_str(&format!("\n{note}\n"));
        }
    }
    std::fs::create_dir_all(out)?;
    let document = serde_json::json!({ "machine": machine, "questions": questions });
    std::fs::write(out.join("results.json"), serde_json::to_vec_pretty(&document)?)?;
    std::fs::write(out.join("results.md"), &text)?;
    writeln!(std::io::stdout().lock(), "{text}")?;
    Ok(())
}
