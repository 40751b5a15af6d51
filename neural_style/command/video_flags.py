"""The flags of videos; those of artistic-videos have its names and defaults."""

from neural_style.command.flag_table import FlagTable

# They change nothing of a picture.
VIDEO_FLAGS = (
    *('start', 'end', 'every', 'frame_rate', 'video_crf', 'frame_iterations'),
    *('temporal_weight', 'flow_relative_indices', 'flow_pattern', 'flowWeight_pattern'),
    *('num_passes', 'use_temporalLoss_after', 'blendWeight'),
)


def describe_video(cmd: FlagTable) -> None:
    """Add the flags of videos."""
    cmd.group('Video')
    cmd.option('-start', '', 'time of the first frame')
    cmd.describe('Time of the first frame that is painted: seconds, or `1:30`.')
    cmd.option('-end', '', 'time at which painting ends')
    cmd.describe('Time at which painting ends, likewise; empty is the end of the video.')
    cmd.option('-every', 1, 'paint every n-th frame')
    cmd.describe('Paint every n-th frame only; each is shown for the time of n.')
    cmd.option('-frame_rate', 25, 'of single pictures')
    cmd.describe('Frames per second of single pictures; a video and an animation have their own.')
    cmd.option('-video_crf', 17, '0 to 51: quality of a video')
    cmd.describe('Quality of an output video, from 0, the best, to 51; 6 more halve the file.')
    cmd.option('-frame_iterations', 0, 'iterations of later frames')
    cmd.describe(
        "Number of evaluations for each frame but a scene's first, which has `-num_iterations`; 0"
        ' is half of them. `-num_iterations 2000,1000` gives both.'
    )
    cmd.option('-temporal_weight', 1e3, 'weight of the temporal loss')
    cmd.describe(
        'Weight of the temporal loss, which compares a frame with earlier ones, moved along the'
        ' optical flow; 0 disables it.'
    )
    cmd.option('-flow_relative_indices', '1', 'which earlier frames a frame is compared with')
    cmd.describe(
        'Which earlier frames each frame is compared with: `1,2,4` are those one, two and four'
        ' before it, so that what was hidden for a moment comes back as it was.'
    )
    cmd.option('-flow_pattern', '', 'files of optical flow')
    cmd.describe(
        'Flow by another program: `.flo` files such as `backward_[%d]_{%d}.flo`, with the number of'
        ' the frame in brackets, and in braces that of the earlier one. Empty computes it (DIS).'
    )
    cmd.option('-flowWeight_pattern', '', 'pictures: white where the flow is right')
    cmd.describe(
        'Pictures that are white where the flow of `-flow_pattern` can be trusted, such as'
        ' `reliable_[%d]_{%d}.pgm`; empty compares each flow with that in the other direction.'
    )
    cmd.option('-num_passes', 1, 'passes over the whole video')
    cmd.describe(
        'Passes over the whole video, forward and backward in turn, each with `-num_iterations` for'
        ' every frame; 1 paints each frame once, from the one before.'
    )
    cmd.option('-use_temporalLoss_after', 8, 'first pass with the temporal loss')
    cmd.describe('The first of several passes that has the temporal loss.')
    cmd.option('-blendWeight', 1, 'share of the neighbouring frame')
    cmd.describe(
        'In several passes a frame starts from a blend of itself, as the last pass has left it,'
        ' with weight 1, and of its neighbour, with this weight.'
    )
