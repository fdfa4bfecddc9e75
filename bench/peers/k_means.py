"""Spherical k-means with scikit-learn: points scaled to length 1, k-means++ over all of them, Lloyd's iterations. float32."""
import time

import numpy
import sklearn
from sklearn.cluster import KMeans, kmeans_plusplus
from threadpoolctl import threadpool_limits

from peer import give, read_options

options = read_options()
points = numpy.load(options.points)
with threadpool_limits(options.threads):
    began = time.perf_counter()
    unit = points / numpy.linalg.norm(points, axis=1, keepdims=True)
    centres, _ = kmeans_plusplus(unit, options.clusters, random_state=0)
    started = time.perf_counter()
    fit = KMeans(options.clusters, init=centres, n_init=1, max_iter=300, tol=1e-4, algorithm="lloyd").fit(unit)
    end = time.perf_counter()
# As ours counts it: centres of length 1.
directions = fit.cluster_centers_ / numpy.linalg.norm(fit.cluster_centers_, axis=1, keepdims=True)
inertia = float(numpy.square(unit - directions[fit.labels_]).sum())
give(
    {"whole": end - began, "start": started - began, "iteration": (end - started) / (fit.n_iter_ + 1), "inertia": inertia},
    {"points": len(points), "clusters": options.clusters, "iterations": int(fit.n_iter_)},
    **{"scikit-learn": sklearn.__version__},
)
