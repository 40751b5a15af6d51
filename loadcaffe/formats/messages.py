"""Caffe's messages: names, numbers and types, as tables. The parameters of layers: parameters.py.

Source of the facts: caffe.proto of szagoruyko/loadcaffe and of BVLC/caffe, which agree on every
number. A field is written `name number type = default`; a repeated type begins with '*', a packed
one with '+'. Integers are 64 bits wide: a lying size arrives whole and can be refused.
"""

# Field of a layer, its message, its number in LayerParameter, its number in V1LayerParameter.
LAYER_PARAMETERS: list[tuple[str, str, int, int | None]] = [
    ('transform_param', 'TransformationParameter', 100, 36),
    ('loss_param', 'LossParameter', 101, 42),
    ('accuracy_param', 'AccuracyParameter', 102, 27),
    ('argmax_param', 'ArgMaxParameter', 103, 23),
    ('concat_param', 'ConcatParameter', 104, 9),
    ('contrastive_loss_param', 'ContrastiveLossParameter', 105, 40),
    ('convolution_param', 'ConvolutionParameter', 106, 10),
    ('data_param', 'DataParameter', 107, 11),
    ('dropout_param', 'DropoutParameter', 108, 12),
    ('dummy_data_param', 'DummyDataParameter', 109, 26),
    ('eltwise_param', 'EltwiseParameter', 110, 24),
    ('exp_param', 'ExpParameter', 111, 41),
    ('hdf5_data_param', 'HDF5DataParameter', 112, 13),
    ('hdf5_output_param', 'HDF5OutputParameter', 113, 14),
    ('hinge_loss_param', 'HingeLossParameter', 114, 29),
    ('image_data_param', 'ImageDataParameter', 115, 15),
    ('infogain_loss_param', 'InfogainLossParameter', 116, 16),
    ('inner_product_param', 'InnerProductParameter', 117, 17),
    ('lrn_param', 'LRNParameter', 118, 18),
    ('memory_data_param', 'MemoryDataParameter', 119, 22),
    ('mvn_param', 'MVNParameter', 120, 34),
    ('pooling_param', 'PoolingParameter', 121, 19),
    ('power_param', 'PowerParameter', 122, 21),
    ('relu_param', 'ReLUParameter', 123, 30),
    ('sigmoid_param', 'SigmoidParameter', 124, 38),
    ('softmax_param', 'SoftmaxParameter', 125, 39),
    ('slice_param', 'SliceParameter', 126, 31),
    ('tanh_param', 'TanHParameter', 127, 37),
    ('threshold_param', 'ThresholdParameter', 128, 25),
    ('window_data_param', 'WindowDataParameter', 129, 20),
    ('python_param', 'PythonParameter', 130, None),
    ('prelu_param', 'PReLUParameter', 131, None),
    ('spp_param', 'SPPParameter', 132, None),
    ('reshape_param', 'ReshapeParameter', 133, None),
    ('log_param', 'LogParameter', 134, None),
    ('flatten_param', 'FlattenParameter', 135, None),
    ('reduction_param', 'ReductionParameter', 136, None),
    ('embed_param', 'EmbedParameter', 137, None),
    ('tile_param', 'TileParameter', 138, None),
    ('batch_norm_param', 'BatchNormParameter', 139, None),
    ('elu_param', 'ELUParameter', 140, None),
    ('bias_param', 'BiasParameter', 141, None),
    ('scale_param', 'ScaleParameter', 142, None),
    ('input_param', 'InputParameter', 143, None),
    ('crop_param', 'CropParameter', 144, None),
    ('parameter_param', 'ParameterParameter', 145, None),
    ('recurrent_param', 'RecurrentParameter', 146, None),
    ('swish_param', 'SwishParameter', 147, None),
    ('clip_param', 'ClipParameter', 148, None),
    # Of SSD's caffe.
    ('permute_param', 'PermuteParameter', 202, None),
    ('norm_param', 'NormalizeParameter', 206, None),
    # Of forks that disagree about the number: read from text only. See TEXT_ONLY.
    ('bn_param', 'BNParameter', 5001, None),
    ('interp_param', 'InterpParameter', 5002, None),
    ('upsample_param', 'UpsampleParameter', 5003, None),
    ('crop_center_param', 'CropCenterParameter', 5004, None),
    ('shuffle_channel_param', 'ShuffleChannelParameter', 5005, None),
]
TEXT_ONLY = 5000  # from this number on, the numbers are ours

MESSAGES = {
    'BlobShape': 'dim 1 +int64',
    'BlobProto': (
        'num 1 int64 = 0, channels 2 int64 = 0, height 3 int64 = 0, width 4 int64 = 0, '
        'data 5 +float, diff 6 +float, shape 7 BlobShape, double_data 8 +double, '
        'double_diff 9 +double, raw_data_type 10 BlobProto.Type, raw_data 12 bytes'
    ),
    'FillerParameter': (
        'type 1 string = constant, value 2 float = 0, min 3 float = 0, max 4 float = 1, '
        'mean 5 float = 0, std 6 float = 1, sparse 7 int64 = -1, '
        'variance_norm 8 FillerParameter.VarianceNorm = FAN_IN'
    ),
    'NetState': 'phase 1 LayerParameter.Phase = TEST, level 2 int64 = 0, stage 3 *string',
    'NetStateRule': (
        'phase 1 LayerParameter.Phase, min_level 2 int64, max_level 3 int64, stage 4 *string, '
        'not_stage 5 *string'
    ),
    'ParamSpec': (
        'name 1 string, share_mode 2 ParamSpec.DimCheckMode, lr_mult 3 float = 1.0, '
        'decay_mult 4 float = 1.0'
    ),
    'NetParameter': (
        'name 1 string, layers 2 *V1LayerParameter, input 3 *string, input_dim 4 *int64, '
        'force_backward 5 bool = false, state 6 NetState, debug_info 7 bool = false, '
        'input_shape 8 *BlobShape, layer 100 *LayerParameter'
    ),
    'LayerParameter': (
        'name 1 string, type 2 string, bottom 3 *string, top 4 *string, loss_weight 5 *float, '
        'param 6 *ParamSpec, blobs 7 *BlobProto, include 8 *NetStateRule, '
        'exclude 9 *NetStateRule, phase 10 LayerParameter.Phase, propagate_down 11 *bool'
    ),
    'V1LayerParameter': (
        'layer 1 V0LayerParameter, bottom 2 *string, top 3 *string, name 4 string, '
        'type 5 V1LayerParameter.LayerType, blobs 6 *BlobProto, blobs_lr 7 *float, '
        'weight_decay 8 *float, include 32 *NetStateRule, exclude 33 *NetStateRule, '
        'loss_weight 35 *float, param 1001 *string'
    ),
    'V0LayerParameter': (
        'name 1 string, type 2 string, num_output 3 uint64, biasterm 4 bool = true, '
        'weight_filler 5 FillerParameter, bias_filler 6 FillerParameter, pad 7 uint64 = 0, '
        'kernelsize 8 uint64, group 9 uint64 = 1, stride 10 uint64 = 1, '
        'pool 11 V0LayerParameter.PoolMethod = MAX, dropout_ratio 12 float = 0.5, '
        'local_size 13 uint64 = 5, alpha 14 float = 1, beta 15 float = 0.75, source 16 string, '
        'scale 17 float = 1, meanfile 18 string, batchsize 19 uint64, cropsize 20 uint64 = 0, '
        'mirror 21 bool = false, k 22 float = 1, blobs 50 *BlobProto, blobs_lr 51 *float, '
        'weight_decay 52 *float, rand_skip 53 uint64 = 0, det_fg_threshold 54 float = 0.5, '
        'det_bg_threshold 55 float = 0.5, det_fg_fraction 56 float = 0.25, '
        'det_context_pad 58 uint64 = 0, det_crop_mode 59 string = warp, new_num 60 int64 = 0, '
        'new_channels 61 int64 = 0, new_height 62 int64 = 0, new_width 63 int64 = 0, '
        'shuffle_images 64 bool = false, concat_dim 65 uint64 = 1, '
        'hdf5_output_param 1001 HDF5OutputParameter'
    ),
}

# V1's number -> its name in a prototxt, and the V2 type it became (caffe: upgrade_proto.cpp).
V1_TYPES = {
    0: ('NONE', ''),
    1: ('ACCURACY', 'Accuracy'),
    2: ('BNLL', 'BNLL'),
    3: ('CONCAT', 'Concat'),
    4: ('CONVOLUTION', 'Convolution'),
    5: ('DATA', 'Data'),
    6: ('DROPOUT', 'Dropout'),
    7: ('EUCLIDEAN_LOSS', 'EuclideanLoss'),
    8: ('FLATTEN', 'Flatten'),
    9: ('HDF5_DATA', 'HDF5Data'),
    10: ('HDF5_OUTPUT', 'HDF5Output'),
    11: ('IM2COL', 'Im2col'),
    12: ('IMAGE_DATA', 'ImageData'),
    13: ('INFOGAIN_LOSS', 'InfogainLoss'),
    14: ('INNER_PRODUCT', 'InnerProduct'),
    15: ('LRN', 'LRN'),
    16: ('MULTINOMIAL_LOGISTIC_LOSS', 'MultinomialLogisticLoss'),
    17: ('POOLING', 'Pooling'),
    18: ('RELU', 'ReLU'),
    19: ('SIGMOID', 'Sigmoid'),
    20: ('SOFTMAX', 'Softmax'),
    21: ('SOFTMAX_LOSS', 'SoftmaxWithLoss'),
    22: ('SPLIT', 'Split'),
    23: ('TANH', 'TanH'),
    24: ('WINDOW_DATA', 'WindowData'),
    25: ('ELTWISE', 'Eltwise'),
    26: ('POWER', 'Power'),
    27: ('SIGMOID_CROSS_ENTROPY_LOSS', 'SigmoidCrossEntropyLoss'),
    28: ('HINGE_LOSS', 'HingeLoss'),
    29: ('MEMORY_DATA', 'MemoryData'),
    30: ('ARGMAX', 'ArgMax'),
    31: ('THRESHOLD', 'Threshold'),
    32: ('DUMMY_DATA', 'DummyData'),
    33: ('SLICE', 'Slice'),
    34: ('MVN', 'MVN'),
    35: ('ABSVAL', 'AbsVal'),
    36: ('SILENCE', 'Silence'),
    37: ('CONTRASTIVE_LOSS', 'ContrastiveLoss'),
    38: ('EXP', 'Exp'),
    39: ('DECONVOLUTION', 'Deconvolution'),
}
# The number of a V2 type, which the original prints.
V1_NUMBERS = {v2: number for number, (_, v2) in V1_TYPES.items()}
