"""What each picture of a report shows and how it is read. Knows words only; docs/reports.md says more."""

from __future__ import annotations

CAPTIONS: dict[str, str] = {
    "curves": (
        "Loss, accuracy and learning rate by epoch. The training figures are means over the epoch's "
        "batches, augmented and with dropout, so they may look worse than those of the validation set, "
        "which is shown as it is. A validation loss that rises while the training loss falls means "
        "overfitting. Loss and errors have logarithmic scales."
    ),
    "confusion": (
        "Each row is a true class, each column an answer; the numbers count images. Right answers lie "
        "on the blue diagonal. Errors have their own colours: the darker the orange, the more often "
        "that mix-up happens."
    ),
    "confusion-normalised": (
        "The same with each row divided by its total, so that classes of different size compare. The "
        "diagonal is the recall of each class."
    ),
    "misclassified": (
        "The wrong answers, worst first: those that the network was surest of. Under each, the truth, "
        "what it was taken for, and the confidence in that. Look here for wrong labels, too."
    ),
    "predictions": (
        "Images taken evenly from the whole data, with the answer and its confidence. Wrong ones are "
        "coloured and say truth → answer."
    ),
    "class-scores": (
        "Precision: how many of the answers with this class are right. Recall: how many of this class's "
        "images are found. F1: their harmonic mean. The axis begins near the lowest score, so that "
        "differences show."
    ),
    "reliability": (
        "Images sorted into bins by confidence. A network that is right as often as it is sure has its "
        "points on the dashed line; below it, it is too sure. Long whiskers mean few images. The bars "
        "count the images in each bin on a logarithmic scale. The calibration error (ECE) is the mean "
        "distance from the line, weighted by images (Guo et al. 2017)."
    ),
    "rejection": (
        "If the least sure answers go to a person, how many of the others are right? The dots mark 0, "
        "1, 2, 5 and 10% rejected. A steep start means that the confidence finds the errors."
    ),
    "samples": ("Images of each class, taken evenly from the data, dark on white as on paper."),
    "class-distribution": (
        "The share of each class. Where the data judged on differs from the training data, or a class "
        "is rare, the accuracy alone says little: look at the scores of each class."
    ),
    "accuracies": (
        "Accuracy with Wilson's 95% interval. Intervals that overlap don't mean that two are equally good: "
        "they answer the same images, so the test of the pairs sees more."
    ),
    "differences": (
        "Images to which not all give the same answer. Below each the truth, then what each run answered; "
        "wrong answers are coloured. Those come first that a run was surest of and wrong."
    ),
    "all-curves": (
        "Loss and accuracy on the validation set by epoch; of the training where nothing was held out. Runs "
        "that held out different images compare here only roughly."
    ),
}
# take the whole width of the page; the others stand two abreast
WIDE = {"curves", "misclassified", "predictions", "samples", "class-distribution"}
WIDE |= {"accuracies", "differences", "all-curves"}
