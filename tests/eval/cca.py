"""Streaming canonical correlations between modalities, in closed form.

Takes fixed features of episodes, a few at a time; keeps counts, sums and Gram matrices alone, in
float64. Gives, for any two sets of modalities, a common space in which cosine similarity is recall.
The statistics are additive: the order of episodes does not matter, and two memories can be added.
Needs numpy. It stores no episode and knows no files.
"""
import numpy as np


class Statistics:
    """Means and (cross-)covariances of every set of modalities that occurred together."""

    def __init__(self, widths):
        self._widths = dict(widths)  # modality → number of features
        self._groups = {}  # modalities present, sorted → [count, sums, Gram matrix]

    def _layout(self, modalities):
        """Where each modality's features stand in a row of these modalities."""
        places, begin = {}, 0
        for modality in modalities:
            places[modality] = np.arange(begin, begin + self._widths[modality])
            begin += self._widths[modality]
        return places

    def add(self, rows):
        """Adds episodes that all have the same modalities: modality → [episodes, features]."""
        modalities = tuple(sorted(rows))
        joined = np.concatenate([rows[modality] for modality in modalities], 1).astype(np.float64)
        width = joined.shape[1]
        group = self._groups.setdefault(modalities, [0, np.zeros(width), np.zeros((width, width))])
        group[0] += len(joined)
        group[1] += joined.sum(0)
        group[2] += joined.T @ joined

    def moments(self, modalities):
        """Count, mean and covariance over all episodes that have at least these modalities."""
        width = sum(self._widths[modality] for modality in modalities)
        count, sums, gram = 0, np.zeros(width), np.zeros((width, width))
        for present, (number, group_sums, group_gram) in self._groups.items():
            if set(modalities) <= set(present):
                layout = self._layout(present)
                places = np.concatenate([layout[modality] for modality in modalities])
                count += number
                sums += group_sums[places]
                gram += group_gram[np.ix_(places, places)]
        if count < 2:
            raise ValueError(f"{count} episodes with {'+'.join(modalities)}; 2 are needed")
        mean = sums / count
        return count, mean, gram / count - np.outer(mean, mean)


def whitener(covariance, ridge):
    """The inverse of the Cholesky factor of the covariance with `ridge` times its mean variance on
    the diagonal."""
    size = len(covariance)
    level = ridge * np.trace(covariance) / size + 1e-12
    factor = np.linalg.cholesky(covariance + level * np.eye(size))
    return np.linalg.inv(factor)


def unit(rows):
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)


class Space:
    """The space of correlations between a query's modalities and a wanted one."""

    def __init__(self, statistics, query, want, ridge, rank, power):
        """`rank` correlations are kept, each axis weighted by its correlation to `power`."""
        _, mean, covariance = statistics.moments(list(query) + [want])
        split = len(mean) - statistics._widths[want]
        self._means = mean[:split], mean[split:]
        left = whitener(covariance[:split, :split], ridge)
        right = whitener(covariance[split:, split:], ridge)
        cross = left @ covariance[:split, split:] @ right.T
        # The singular vectors by way of the smaller side's square: a fraction of the full cost.
        small = cross if cross.shape[0] <= cross.shape[1] else cross.T
        values, vectors = np.linalg.eigh(small @ small.T)
        values, vectors = values[::-1][:rank], vectors[:, ::-1][:, :rank]
        self.correlations = np.sqrt(np.maximum(values, 1e-12))
        other = small.T @ vectors / self.correlations
        sides = (vectors, other) if small is cross else (other, vectors)
        weights = self.correlations**power
        self._maps = left.T @ sides[0] * weights, right.T @ sides[1] * weights

    def query(self, rows):
        return unit((rows - self._means[0]) @ self._maps[0])

    def stored(self, rows):
        return unit((rows - self._means[1]) @ self._maps[1])
